"""The guide for integrators does what it says: its program is run against the service, its scopes are ours."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from index_service.access.scopes import OURS
from index_service.webhooks.signing import new_secret, signature_headers
from tests.conftest import database_folder
from tests.index_service.access.test_clients import served
from tests.index_service.cli.conftest import PersonIndex, in_database, person_index

__all__ = ["in_database", "person_index"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "integrating.md").read_text(encoding="utf-8")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_its_commands_lead_from_nothing_to_a_first_answer(tmp_path: Path) -> None:
    """As a newcomer types them, in an empty folder, on the embedded server; the service is ended afterwards."""
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.split("## The same from a program")[0], re.DOTALL)
    assert len(blocks) == 3
    port = str(free_port())
    typed = "\n".join(blocks).replace("127.0.0.1:8000", f"127.0.0.1:{port}").replace("curl -H", "curl -fsS -H")
    script = f"set -eu\ntrap 'kill $(jobs -p) && wait' EXIT\n{typed}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERSON_INDEX_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PERSON_INDEX_PORT": port,
        "PYTHONPATH": str(ROOT),
    }
    with database_folder() as data:
        ended = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment | {"PERSON_INDEX_DATA": str(data)},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert {(r["source"], r["source_record_id"]) for r in told["records"]} == {
        ("calpads", "1000000001"),
        ("cws_cms", "0AdYwXU0Cr"),
    }


def test_its_program_gets_a_token_and_an_answer(
    person_index: PersonIndex, in_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSON_INDEX_SIGNING_KEYS", str(tmp_path / "signing-keys.json"))
    (registering,) = re.findall(r"^person-index (clients add my-app .*?json)$", PAGE, re.MULTILINE | re.DOTALL)
    words = shlex.split(registering.replace("\\\n", " "))
    assert person_index(*words).code == 0
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with served(in_database, tmp_path / "signing-keys.json") as url:
        names: dict[str, Any] = {}
        exec(program.replace("http://127.0.0.1:8000", url), names)  # noqa: S102 - our own page
    assert (names["events"]["events"], names["events"]["more"]) == ([], False)


def test_it_lists_every_scope_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| `(index/\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert rows == OURS


def test_its_check_of_a_signature_holds() -> None:
    (checking,) = re.findall(r"```py\n(import base64.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(checking, names)  # noqa: S102 - our own page
    secret, now = new_secret(), int(time.time())
    headers = signature_headers("msg_1", b"{}", now, [new_secret(), secret])
    assert names["is_ours"](headers, b"{}", secret)
    assert not names["is_ours"](headers, b"{ }", secret)
    assert not names["is_ours"](headers, b"{}", new_secret())
    assert not names["is_ours"](signature_headers("msg_1", b"{}", now - 400, [secret]), b"{}", secret)
