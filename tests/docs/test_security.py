"""The threat model names tests that exist, and counsel's guide commands that exist."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

from tests.index_service.cli.conftest import PersonIndex, person_index

__all__ = ["person_index"]

ROOT = Path(__file__).parents[2]
THREATS = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "counsel-guide.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ person-index (.+)$", GUIDE, re.MULTILINE)


def test_every_test_that_the_threat_model_names_exists() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("test_*.py")]
    existing = {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}
    named = set(re.findall(r"`(test_\w+)`", THREATS))
    assert len(named) > 40
    assert named <= existing, named - existing


def test_every_threat_is_answered_by_a_test() -> None:
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", THREATS.split("## Who attacks")[1], re.MULTILINE)
    attacks = [row for row in rows if row[0] != "tries" and not row[0].startswith("---")]
    assert len(attacks) > 30
    assert [row[0] for row in attacks if "`test_" not in row[2]] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_counsels_guide_is_one_with_these_options(person_index: PersonIndex, command: str) -> None:
    words = shlex.split(command)
    options = [word for word in words if word.startswith("--")]
    help_text = person_index(*words[:2], "--help")
    assert help_text.code == 0
    assert [option for option in options if option not in help_text.out] == []
