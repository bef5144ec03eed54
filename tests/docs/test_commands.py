"""`docs/commands.md` is what the program says of itself; PERSON_INDEX_WRITE_DOCS=1 writes it anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from index_service.cli import application, commands, run

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
HEAD = """# Commands

What `person-index --help` and the help of every command say. This page is generated:
`PERSON_INDEX_WRITE_DOCS=1 .venv/bin/pytest tests/docs/test_commands.py` writes it anew.
How the commands follow each other in service is told in [operating.md](operating.md), exit codes too.
"""


def command_names() -> Iterator[list[str]]:
    """The program itself, then every command in the order of the help, a group before its members."""
    assert commands.__all__  # importing it has registered them
    root = typer.main.get_command(application.app)
    yield []
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        yield [name]
        yield from ([name, member] for member in getattr(command, "commands", ()))


def generated(capsys: pytest.CaptureFixture[str]) -> str:
    sections = [HEAD]
    for words in command_names():
        capsys.readouterr()
        assert run([*words, "--help"]) == 0
        title = " ".join(["person-index", *words])
        sections.append(f"## {title}\n\n```text\n{_without_trailing_blanks(capsys.readouterr().out)}\n```\n")
    return "\n".join(sections)


def _without_trailing_blanks(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def test_the_page_of_commands_is_what_the_program_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")  # help is wrapped to the terminal
    page = generated(capsys)
    if os.environ.get("PERSON_INDEX_WRITE_DOCS"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "the help has changed: PERSON_INDEX_WRITE_DOCS=1 pytest tests/docs"
