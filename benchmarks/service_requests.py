"""What the service benchmark loads, asks and sends: a synthetic population, of which a part is held back.

The records held back are those of children whom the index will not know, and further records of children whom it
knows: what a source sends day by day. Questions are variants of known records, as a caller at another desk types them.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from index_service.http.canonical import CanonicalFields
from index_service.linking_context import LinkingContext, current
from index_service.linking_live import blocking_keys
from index_service.store.connection import Connection, connect
from index_service.store.neighbourhood import candidates
from linkage.generic_values import without_generic_values
from linkage.normalise import normalise
from linkage.record import NormalisedRecord, SourceRecord

HELD_BACK = 4_000
"""Records held back for writing."""

NEW_CHILDREN = 0.5
"""Share of the records held back that are of children unknown to the index."""

STRANGERS = 0.15
"""Share of the questions that are about somebody whom the index does not know."""

MISSPELT, DROPPED = 0.3, 0.25
"""How often a name of a question has two letters exchanged, and how often a field of it is left out."""

FLAGS, NUMBERS = frozenset({"birth_date_estimated", "multiple_birth"}), frozenset({"birth_order"})
NOT_ASKED = frozenset({"record_date", "race", "ethnicity", "language", "deleted", "case_id", "alias_names"})
MISSPELLABLE = ("first_name", "last_name", "mother_first_name")

SEARCHED, HEAVY = 2_000, 100
"""Of so many questions, those with the most candidates are asked as heavy ones."""

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request: method, path with query, JSON body or None."""

    method: str
    path: str
    body: Any = None


@dataclass(frozen=True, slots=True)
class Held:
    """The population parted: what is loaded first, by source, and what is sent later."""

    loaded: pa.Table
    known: list[Record]
    new: list[Record]
    further: list[Record]


def write_extracts(folder: Path, records: int, seed: int) -> list[str]:
    """Write what is loaded as Parquet extracts, and the rest for the loops; returns the sources."""
    held = part(records, seed)
    (folder / "extracts").mkdir(parents=True)
    sources: list[str] = pc.unique(held.loaded["source"]).to_pylist()
    for source in sources:
        rows = held.loaded.filter(pc.equal(held.loaded["source"], source)).drop_columns(["source"])
        pq.write_table(rows, folder / "extracts" / f"{source}.parquet")
    (folder / "held.json").write_text(json.dumps({"known": held.known, "new": held.new, "further": held.further}))
    return sources


def part(records: int, seed: int) -> Held:
    """Part a population of about so many records, beside those held back."""
    from training.population.generate import records_for

    draw = random.Random(seed)  # noqa: S311 - invented people
    held_back = min(HELD_BACK, records // 5)
    population = records_for(records + held_back, seed=seed)
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row, (person, role) in enumerate(
        zip(population.truth["person"].to_pylist(), population.truth["role"].to_pylist(), strict=True)
    ):
        if role == "child":
            rows_of[person].append(row)
    children = list(rows_of.values())
    draw.shuffle(children)
    new, further, known = _drawn(children, held_back, draw)
    kept = set(range(population.records.num_rows)) - set(new) - set(further)
    taken = population.records.take(pa.array(sorted(kept)))
    return Held(taken, *(_records(population.records, rows) for rows in (known, new, further)))


def _drawn(
    children: Sequence[Sequence[int]], held_back: int, draw: random.Random
) -> tuple[list[int], list[int], list[int]]:
    """Rows of new children, further rows of known ones, and rows of known children to ask about."""
    new: list[int] = []
    further: list[int] = []
    known: list[int] = []
    for rows in children:
        if len(new) < held_back * NEW_CHILDREN:
            new += rows
        elif len(further) < held_back * (1 - NEW_CHILDREN) and len(rows) > 1:
            further.append(rows[draw.randrange(len(rows))])
        elif len(known) < 2 * held_back:
            known.append(rows[draw.randrange(len(rows))])
    return new, further, known


def _records(table: pa.Table, rows: Sequence[int]) -> list[Record]:
    return [{k: v for k, v in row.items() if v} for row in table.take(pa.array(rows, pa.int64())).to_pylist()]


def read_held(folder: Path) -> dict[str, list[Record]]:
    held: dict[str, list[Record]] = json.loads((folder / "held.json").read_text())
    return held


def look_ups(held: Mapping[str, list[Record]]) -> list[HttpRequest]:
    """Whose records these are: known ones, by source and id."""
    return [HttpRequest("GET", f"{_path(record)}/person") for record in held["known"]]


def questions(held: Mapping[str, list[Record]], seed: int) -> list[HttpRequest]:
    """Questions about known children, and some about strangers, all a little wrong."""
    draw = random.Random(seed + 1)  # noqa: S311 - invented people
    asked = []
    for known in held["known"]:
        record = draw.choice(held["new"]) if draw.random() < STRANGERS else known
        asked.append(HttpRequest("POST", "/v1/resolve", {"fields": _variant(record, draw)}))
    return asked


def heaviest(url: str, asked: Sequence[HttpRequest]) -> list[HttpRequest]:
    """The questions that blocking brings the most records for; `url` is of the database."""
    with connect(url) as conn:
        context = current(conn)
        sizes = [(-len(beside_candidates(conn, context, request)[1]), n) for n, request in enumerate(asked[:SEARCHED])]
    return [asked[number] for _, number in sorted(sizes)[:HEAVY]]


def beside_candidates(
    conn: Connection, context: LinkingContext, request: HttpRequest
) -> tuple[NormalisedRecord, list[NormalisedRecord]]:
    """A question as matching sees it, and the records that blocking brings for it."""
    values = CanonicalFields(**request.body["fields"]).values()
    record = without_generic_values(normalise(SourceRecord("", "question", values))[0], context.model)
    brought = candidates(conn, blocking_keys(record, context), context.policy.hard_block_records).found
    return record, [without_generic_values(candidate.record, context.model) for candidate in brought]


def writes(held: Mapping[str, list[Record]], seed: int) -> list[HttpRequest]:
    """Records that come day by day: new children beside further records of known ones."""
    sent = [HttpRequest("PUT", _path(record), _fields(record)) for record in (*held["new"], *held["further"])]
    random.Random(seed + 2).shuffle(sent)  # noqa: S311 - invented people
    return sent


def _path(record: Record) -> str:
    return f"/v1/sources/{quote(record['source'], safe='')}/records/{quote(record['source_record_id'], safe='')}"


def _fields(record: Record) -> dict[str, Any]:
    return {name: _typed(name, value) for name, value in record.items() if name not in {"source", "source_record_id"}}


def _typed(name: str, value: Any) -> Any:
    if name in FLAGS:
        return value == "true"
    return int(value) if name in NUMBERS else value


def _variant(record: Record, draw: random.Random) -> dict[str, Any]:
    """What a caller says of the person: names and a few fields, some left out, some misspelt."""
    said = {
        name: value
        for name, value in _fields(record).items()
        if name not in NOT_ASKED and (name in {"first_name", "last_name"} or draw.random() >= DROPPED)
    }
    for name in MISSPELLABLE:
        if name in said and draw.random() < MISSPELT:
            said[name] = _exchanged(said[name], draw)
    return said


def _exchanged(text: str, draw: random.Random) -> str:
    """Two neighbouring letters exchanged."""
    if len(text) < 2:
        return text
    at = draw.randrange(len(text) - 1)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def spread(requests: Sequence[HttpRequest], count: int) -> Iterator[HttpRequest]:
    """So many of the requests, from the beginning again where they are fewer."""
    for number in range(count):
        yield requests[number % len(requests)]
