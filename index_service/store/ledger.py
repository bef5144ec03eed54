"""The ledger: sealed in blocks, verified row by row, read for an accounting.

A block holds the digest of each of its rows and of the block before. A row that was changed, removed, moved to the
place of another or put in afterwards is therefore found and named. Who can write to the database could still write all
blocks anew, so the digest of each new block is also appended to a file outside it: `Head` is one line of that file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg import errors

from index_service.store.connection import Connection
from index_service.store.statements import statements
from linkage.record import RecordKey

_sql = statements("ledger")
_releasing = statements("releasing")
WORKBENCH = "person-index workbench"
"""The client of rows that tell what people looked at in the workbench."""
DIGEST_BYTES = 32
BEFORE_ALL = -(2**63)

SealState = Literal["stands", "differs", "not yet"]
"""Whether a row is what the seal of its block says; or there is no seal yet."""
FaultKind = Literal["changed", "removed", "moved", "added", "block_changed", "block_removed", "head_differs"]


@dataclass(frozen=True, slots=True)
class Head:
    """A seal as it is kept outside the database: number and digest of a block."""

    block_no: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class LastSeal:
    """The newest seal, when it was made, and how many rows have come since."""

    head: Head
    sealed_at: datetime
    unsealed: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it was sealed. `number`: of the row of the ledger, or of the block."""

    kind: FaultKind
    number: int
    words: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found. unsealed: rows that no block covers yet."""

    blocks: int
    rows: int
    unsealed: int
    head: Head | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class ToldPointer:
    """One pointer that was told of a person: a line of the accounting before it is put into words."""

    disclosure_id: int
    at: datetime
    client: str
    user: str | None
    purpose: str
    action: str
    person_id: str
    source: str
    source_record_id: str
    clauses: tuple[str, ...]
    attributes: tuple[str, ...]
    request_id: str | None
    seal: SealState


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger. pointers: JSON text, as it was sealed; None if nothing was told."""

    disclosure_id: int
    at: datetime
    client: str
    user: str | None
    purpose: str
    action: str
    outcome: Literal["released", "nothing", "refused"]
    reason: str | None
    application_id: int | None
    person_id: str | None
    pointers: str | None
    request_id: str | None

    def records(self) -> set[RecordKey]:
        """The records that were told of; of counts there are none."""
        told = json.loads(self.pointers) if self.pointers else []
        return {(pointer["source"], pointer["id"]) for pointer in told if pointer["id"] is not None}


@dataclass(frozen=True, slots=True)
class _Block:
    number: int
    rows: Sequence[int]
    digests: bytes
    previous: bytes | None
    digest: bytes
    sealed_at_us: int

    def computed_digest(self) -> bytes:
        head = f"{self.number}|{self.sealed_at_us}|{','.join(map(str, self.rows))}|"
        return hashlib.sha256(head.encode() + self.digests + (self.previous or b"")).digest()

    def row_digests(self) -> dict[int, bytes]:
        cuts = range(0, len(self.digests), DIGEST_BYTES)
        return dict(zip(self.rows, (self.digests[cut : cut + DIGEST_BYTES] for cut in cuts), strict=False))


def seal(conn: Connection) -> list[Head]:
    """Seal all rows that are there; returns the new seals, to be kept outside. Needs autocommit.

    Where look-ups are so busy that writers do not make way within a fifth of a second, nothing is sealed this time.
    """
    try:
        (up_to,) = conn.execute(_releasing["horizon"]).fetchone() or (0,)
    except errors.LockNotAvailable:
        return []
    rows = conn.execute(_releasing["seal"], {"up_to": up_to}).fetchall()
    return [Head(number, bytes(digest)) for number, digest, _ in rows]


def last_seal(conn: Connection) -> LastSeal | None:
    """How far the ledger is sealed; None if nothing was ever sealed. Verifies nothing."""
    row = conn.execute(_sql["last_block"]).fetchone()
    return None if row is None else LastSeal(Head(row[0], bytes(row[1])), row[2], row[3])


def verify(conn: Connection, heads: Sequence[Head] = ()) -> Verification:
    """Compute every digest anew, here and not in the database, and compare; `heads` are those kept outside."""
    faults: list[Fault] = []
    previous: _Block | None = None
    rows = 0
    digests: dict[int, bytes] = {}
    for block in _blocks(conn):
        faults += _block_faults(block, previous, {head.block_no: head.digest for head in heads})
        faults += _row_faults(conn, block, previous.rows[-1] if previous else BEFORE_ALL)
        rows += len(block.rows)
        digests[block.number] = block.digest
        previous = block
    faults += _missing_heads(digests, heads)
    (unsealed,) = conn.execute(
        _sql["count_after"], {"after": previous.rows[-1] if previous else BEFORE_ALL}
    ).fetchone() or (0,)
    head = Head(previous.number, previous.digest) if previous else None
    return Verification(len(digests), rows, unsealed, head, tuple(faults))


def told_of_person(conn: Connection, person_id: str, from_at: datetime, until_at: datetime) -> list[ToldPointer]:
    """Everything told of the records that a person has now, under whatever person id they were told then."""
    parameters = {"person_id": person_id, "from_at": from_at, "until_at": until_at}
    rows = conn.execute(_sql["disclosures_of_person"], parameters).fetchall()
    return [
        ToldPointer(
            disclosure_id=row[0],
            at=row[1],
            client=row[2],
            user=row[3],
            purpose=row[4],
            action=row[5],
            person_id=row[6],
            source=row[7],
            source_record_id=row[8],
            clauses=tuple(row[9]),
            attributes=tuple(row[10]),
            request_id=row[11],
            seal=row[12],
        )
        for row in rows
    ]


def entries(conn: Connection, after: int = 0, batch: int = 1000) -> Iterator[Entry]:
    """All rows with a number above `after`, in order."""
    while True:
        rows = conn.execute(_sql["entries"], {"after": after, "limit": batch}).fetchall()
        if not rows:
            return
        for row in rows:
            yield Entry(*row)
        after = rows[-1][0]


def note_shown(conn: Connection, person_id: str, records: Sequence[RecordKey], *, command: str, who: str) -> None:
    """Enter that an operator was shown keys of a person's records by a command."""
    pointers = [{"source": source, "id": key, "clauses": [], "attributes": []} for source, key in records]
    shown = {"person_id": person_id, "pointers": json.dumps(pointers)}
    conn.execute(_sql["note_explained"], _operator(command, who) | shown)


def note_records_shown(conn: Connection, records: Iterable[RecordKey], *, command: str, who: str) -> None:
    """Enter that an operator was given keys of records by a command: a row for each person that has some of them.

    Call it in the transaction that reads them, as the last thing: what seals the ledger waits for it.
    """
    keys = list(records)
    shown = {"sources": [source for source, _ in keys], "ids": [key for _, key in keys]}
    conn.execute(_sql["note_records_shown"], _operator(command, who) | shown)


def _operator(command: str, who: str) -> dict[str, object]:
    """Whoever runs a command here asks as the installation itself, to keep it working."""
    return {"client": "person-index", "who": who, "purpose": "HSYSADMIN", "action": command}


def agreement_documents(conn: Connection) -> dict[str, str]:
    """The texts of all agreements ever applied, by id/version: an old disclosure is told by the words of then."""
    return {row[0]: row[1] for row in conn.execute(_sql["agreement_documents"]).fetchall()}


def row_digest(values: Sequence[str | None]) -> bytes:
    """SHA-256 of a row: each value with its length in characters, `-` where it is null (see `disclosure_digest`)."""
    text = "|".join("-" if value is None else f"{len(value)}:{value}" for value in values)
    return hashlib.sha256(text.encode()).digest()


def _blocks(conn: Connection) -> Iterator[_Block]:
    for row in conn.execute(_sql["blocks"]):
        yield _Block(row[0], row[1], bytes(row[2]), None if row[3] is None else bytes(row[3]), bytes(row[4]), row[5])


def _block_faults(block: _Block, previous: _Block | None, kept: dict[int, bytes]) -> Iterator[Fault]:
    expected = previous.number + 1 if previous else 1
    for number in range(expected, block.number):
        yield Fault("block_removed", number, "the block is gone")
    if block.computed_digest() != block.digest:
        yield Fault("block_changed", block.number, "the block is not what its digest says")
    if block.number == expected and block.previous != (previous.digest if previous else None):
        yield Fault("block_changed", block.number, "the block does not follow the one before it")
    if block.number in kept and kept[block.number] != block.digest:
        yield Fault("head_differs", block.number, "the block is not the one whose digest was kept outside")


def _row_faults(conn: Connection, block: _Block, after: int) -> Iterator[Fault]:
    sealed = block.row_digests()
    found = {
        row[0]: row_digest(row[1:])
        for row in conn.execute(_sql["rows_between"], {"after": after, "up_to": block.rows[-1]})
    }
    at_home = {digest: number for number, digest in sealed.items()}
    for number, digest in sealed.items():
        if number not in found:
            yield Fault("removed", number, "the row is gone")
        elif found[number] != digest:
            other = at_home.get(found[number])
            if other is None:
                yield Fault("changed", number, "the row is not what was sealed")
            else:
                yield Fault("moved", number, f"in its place stands what was sealed as row {other}")
    for number in sorted(found.keys() - sealed.keys()):
        yield Fault("added", number, "the row was put in after its block was sealed")


def _missing_heads(digests: dict[int, bytes], heads: Sequence[Head]) -> Iterator[Fault]:
    last = max(digests, default=0)
    for number in sorted({head.block_no for head in heads if head.block_no > last}):
        yield Fault("block_removed", number, "its digest was kept outside, and the block is gone")
