"""The demo's client of the API: minted anew for each demo, may learn everything of its invented people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from config.purposes import load_purposes
from index_service.access.clients import Registration, add, new_client_key
from index_service.access.signing_keys import now_utc, write_private
from index_service.disclosure.everything import allow_everything
from index_service.store.connection import Connection
from linkage.record import RecordKey

CLIENT_ID = "demo"
PURPOSE = "TREAT"
SCOPES = ("index/read", "index/resolve", "index/write", "index/events")


@dataclass(frozen=True, slots=True)
class DemoClient:
    """A client of the demo's own database. key_file: its private key."""

    key_file: Path

    def how_to_ask(self, url: str, record: RecordKey) -> Iterator[str]:
        """Commands that get a token and ask whose a record is."""
        source, record_id = (quote(part, safe="") for part in record)
        yield "Ask it from another terminal; each answer is in the ledger (person-index ledger):"
        scopes = " ".join(f"--scope {scope}" for scope in SCOPES)
        yield f"  TOKEN=$(person-index clients token {CLIENT_ID} --key {self.key_file} --url {url} {scopes})"
        yield f'  curl -H "Authorization: Bearer $TOKEN" {url}/v1/sources/{source}/records/{record_id}/person'


def add_demo_client(conn: Connection, folder: Path) -> DemoClient:
    """Register the client with a fresh key, and let it learn everything."""
    key = new_client_key()
    wanted = Registration(
        client_id=CLIENT_ID,
        name="The demo",
        organisation="Whoever tries the demo",
        scopes=SCOPES,
        purposes=(PURPOSE,),
        jwks=dict(key.as_dict(private=False)),
    )
    add(conn, wanted, load_purposes(), who="demo", reason="to try the index out", now=now_utc())
    allow_everything(conn, CLIENT_ID, (PURPOSE,), who="demo")
    key_file = folder / "client.key.json"
    key_file.unlink(missing_ok=True)
    write_private(key_file, json.dumps(key.as_dict(private=True), indent=1) + "\n")
    return DemoClient(key_file)
