"""What holds for every command: help with examples, exit codes, JSON alone on standard output, no traceback."""

from __future__ import annotations

import json
import os
import pwd
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import index_service.cli
from index_service import linking_files
from index_service.cli import application, commands
from index_service.cli.whoever import who_runs
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.loading.invented import write_csv


def command_names() -> Iterator[list[str]]:
    assert commands.__all__  # importing it has registered them
    root = typer.main.get_command(application.app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        for sub_name in getattr(command, "commands", {None: None}):
            yield [name, sub_name] if sub_name else [name]


@pytest.mark.parametrize("command", COMMANDS := list(map(" ".join, command_names())))
def test_the_help_of_every_command_has_examples(person_index: PersonIndex, command: str) -> None:
    answer = person_index(*command.split(), "--help")
    assert answer.code == 0
    assert f"person-index {command}" in answer.out.split("Examples:")[1]


def test_all_commands_of_the_contract_are_there() -> None:
    assert {
        "demo",
        "serve",
        "load",
        "train",
        "relink",
        "link",
        "compare",
        "evaluate",
        "export persons",
        "check",
    } <= set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lnk", "a.csv"], "No such command"),
        (["link"], "Missing argument"),
        (["link", "nowhere.csv", "--out", "out.csv"], "there is no such file"),
        (["link", "a.csv", "--out", "out.csv", "--threshold", "1.5"], "between 0 and 1"),
        (["link", "a.csv", "--out", "a.csv"], "is an input"),
        (["link", "a.csv", "b/a.csv", "--out", "out.csv"], "Several files are called 'a'"),
        (["link", "a.csv", "--out", "out.csv", "--encoding", "klingon"], "no text encoding"),
        (["load", "cws_csm", "a.csv"], "Did you mean cws_cms?"),
        (["relink", "--full", "--changed"], "exclude each other"),
        (["relink", "--spark-master", "local[2]"], "go with --engine spark"),
        (["relink", "--engine", "spark", "--verify"], "is done in this process"),
        (["serve", "--host", "192.0.2.1"], "does not listen on"),
        (["serve", "--port", "70000"], "--port"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_what_is_wrong(
    person_index: PersonIndex, tmp_path: Path, arguments: list[str], says: str
) -> None:
    write_csv(tmp_path, "1,Ana", name="a.csv")
    answer = person_index(*arguments)
    assert answer.code == 2
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_an_error_is_json_too(person_index: PersonIndex, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id,name\n1,Jos\u00e9\n".encode("cp1252"))
    answer = person_index("link", "a.csv", "--out", "out.csv", "--json")
    assert answer.code == 1
    assert answer.json()["error"]["kind"] == "WrongEncoding"
    assert "line 2" in answer.json()["error"]["message"]
    assert "--encoding cp1252" in answer.json()["error"]["hint"]
    assert not (tmp_path / "out.csv").exists()


def test_an_error_nobody_foresaw_is_one_line_and_an_incident_without_values(
    person_index: PersonIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Ana Diaz, born 2015-03-02")

    monkeypatch.setattr(linking_files, "link_files", fail)
    answer = person_index("link", "a.csv", "--out", "out.csv")
    log = (tmp_path / "var/incidents.log").read_text(encoding="utf-8")
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert json.loads(log)["incident"] in answer.err
    assert "link.py" in log
    assert not any("Ana" in text or "2015" in text for text in (answer.out, answer.err, log.split('"errors"')[1]))


@pytest.mark.parametrize("way", ["option", "environment"])
def test_debug_shows_where_an_error_came_from(
    person_index: PersonIndex, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(linking_files, "link_files", fail)
    if way == "environment":
        monkeypatch.setenv("PERSON_INDEX_DEBUG", "1")
    with pytest.raises(RuntimeError):
        person_index("link", "a.csv", "--out", "out.csv", *(["--debug"] if way == "option" else []))


def test_a_wrong_setting_is_named_without_its_value(person_index: PersonIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSON_INDEX_PORT", "secret-port")
    answer = person_index("export", "persons", "--out", "out.csv")
    assert answer.code == 1
    assert "port" in answer.err
    assert "secret-port" not in answer.err


def test_a_database_that_does_not_answer_is_said_so(person_index: PersonIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", "postgresql://nobody:pass-word@127.0.0.1:9/none")
    answer = person_index("relink", "--json")
    assert answer.code == 1
    assert answer.json()["error"]["kind"] == "DatabaseUnreachable"
    assert "pass-word" not in answer.out + answer.err


def test_a_disk_that_fills_is_said_so_and_leaves_no_half_file(tmp_path: Path) -> None:
    write_csv(tmp_path, *(f"{i},Ana" for i in range(1, 2)), name="a.csv")
    program = "import sys; from index_service.cli import main; main()"

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    done = subprocess.run(
        [sys.executable, "-B", "-c", program, "link", "a.csv", "--out", "out.csv"],
        cwd=tmp_path, preexec_fn=no_room, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "no room left to write" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv"}


def test_nobody_becomes_a_second_person_by_setting_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two persons have to agree to a seal: the name is that of the account, whatever the environment says."""
    myself = who_runs()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody.else")
    assert who_runs() == myself == pwd.getpwuid(os.getuid()).pw_name
    commands = Path(index_service.cli.__file__).parent
    assert not [file.name for file in commands.glob("*.py") if "getpass.getuser()" in file.read_text()]
