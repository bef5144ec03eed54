"""The accounting of disclosures of a person, as 45 CFR 164.528 asks: date, recipient, what, and what for.

Looks back six years. Disclosures under an agreement that counsel marked as exempt (treatment, payment, operations) are
left out unless asked for; those of segregated sources (42 CFR 2.25) never are. It covers the records that the person
has now, whatever person they were counted to when they were told of.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from itertools import groupby

from config.agreements import ZONE, Agreement
from config.purposes import Purposes
from index_service.spreadsheet_cells import neutralise
from index_service.store.ledger import ToldPointer

LOOK_BACK_YEARS = 6
PART2_LOOK_BACK = timedelta(days=3 * 365 + 1)
"""So far back 42 CFR 2.25 asks for disclosures of segregated sources; before, the other rule alone."""

HIPAA, PART2 = "45 CFR 164.528", "42 CFR 2.25"
COLUMNS = ("number", "date", "recipient", "address", "purpose", "information", "agreement", "person_id", "rules")


@dataclass(frozen=True, slots=True)
class Line:
    """One disclosure in the accounting, in words. rules: those that ask for it."""

    number: int
    at: datetime
    recipient: str
    address: str
    purpose: str
    information: str
    agreement: str
    person_id: str
    rules: str

    @property
    def date(self) -> str:
        return self.at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")

    def cells(self) -> tuple[str, ...]:
        return (str(self.number), self.date, *(str(getattr(self, name)) for name in COLUMNS[2:]))


@dataclass(frozen=True, slots=True)
class Accounting:
    """The accounting of one person. exempt: how many disclosures were left out as exempt."""

    person_id: str
    from_at: datetime
    until_at: datetime
    lines: Sequence[Line]
    exempt: int


def look_back(until_at: datetime) -> datetime:
    """The moment from which disclosures are accounted for: six years before, and a day for leap years."""
    return until_at - timedelta(days=LOOK_BACK_YEARS * 365 + 2)


def account(
    person_id: str,
    told: Sequence[ToldPointer],
    agreements: Mapping[str, Agreement],
    purposes: Purposes,
    *,
    segregated: frozenset[str],
    span: tuple[datetime, datetime],
    with_exempt: bool = False,
) -> Accounting:
    """Put what was told of a person into lines, one for each disclosure.

    Args:
        agreements: all versions that were ever applied, by id/version.
        segregated: sources that no exemption covers.
        span: from when until when.
    """
    lines: list[Line] = []
    exempt = 0
    for _, group in groupby(told, key=lambda pointer: pointer.disclosure_id):
        pointers = list(group)
        if not with_exempt and all(_is_exempt(pointer, agreements, segregated) for pointer in pointers):
            exempt += 1
            continue
        part2 = pointers[0].at >= span[1] - PART2_LOOK_BACK and any(each.source in segregated for each in pointers)
        lines.append(_line(pointers, agreements, purposes, f"{HIPAA}; {PART2}" if part2 else HIPAA))
    return Accounting(person_id, *span, lines, exempt)


def as_text(accounting: Accounting) -> Iterable[str]:
    """The accounting to read on a terminal."""
    yield _title(accounting)
    for line in accounting.lines:
        yield f"{line.date}  {line.recipient}{', ' + line.address if line.address else ''}"
        yield f"    purpose: {line.purpose}"
        yield f"    told: {line.information}"
        yield f"    {f'under {line.agreement}; ' if line.agreement else ''}ledger row {line.number}; {line.rules}"
    yield _foot(accounting)


def as_csv(accounting: Accounting) -> str:
    """The accounting for a spreadsheet."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([neutralise(cell) for cell in line.cells()] for line in accounting.lines)
    return out.getvalue()


def as_html(accounting: Accounting) -> str:
    """The accounting as a page to print: one file, nothing fetched."""
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line.cells()) + "</tr>" for line in accounting.lines
    )
    heads = "".join(f'<th scope="col">{name.replace("_", " ")}</th>' for name in COLUMNS)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Accounting of disclosures</title>
<style>
body {{ font-family: sans-serif; margin: 2rem; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid #767676; padding: .3rem .5rem; text-align: left; vertical-align: top; }}
thead {{ display: table-header-group; }}
tr {{ break-inside: avoid; }}
</style>
</head>
<body>
<h1>Accounting of disclosures</h1>
<p>{escape(_title(accounting))}</p>
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p>{escape(_foot(accounting))}</p>
</body>
</html>
"""


def _title(accounting: Accounting) -> str:
    first, last = (at.astimezone(ZONE).strftime("%Y-%m-%d") for at in (accounting.from_at, accounting.until_at))
    rules = f"{HIPAA}; {PART2}" if any(PART2 in line.rules for line in accounting.lines) else HIPAA
    return f"Disclosures of the records of person {accounting.person_id} from {first} to {last} ({rules})"


def _foot(accounting: Accounting) -> str:
    left_out = f"; {accounting.exempt} exempt ones left out (45 CFR 164.528(a)(1))" if accounting.exempt else ""
    return f"{len(accounting.lines)} disclosures{left_out}."


def _is_exempt(pointer: ToldPointer, agreements: Mapping[str, Agreement], segregated: frozenset[str]) -> bool:
    """Whether every clause by which it was told belongs to an exempt agreement."""
    found = [agreements.get(clause.partition(":")[0]) for clause in pointer.clauses]
    return (
        pointer.source not in segregated
        and bool(found)
        and all(agreement is not None and agreement.accounting_exempt for agreement in found)
    )


def _line(pointers: Sequence[ToldPointer], agreements: Mapping[str, Agreement], purposes: Purposes, rules: str) -> Line:
    first = pointers[0]
    references = sorted({clause.partition(":")[0] for pointer in pointers for clause in pointer.clauses})
    agreement = agreements.get(references[0]) if references else None
    purpose = purposes.by_code.get(first.purpose)
    return Line(
        number=first.disclosure_id,
        at=first.at,
        recipient=(agreement.recipient.name if agreement else first.client)
        + (f" ({first.user})" if first.user else ""),
        address=agreement.recipient.address if agreement else "",
        purpose=f"{purpose.display} ({first.purpose})" if purpose else first.purpose,
        information="; ".join(_information(pointer) for pointer in pointers),
        agreement=", ".join(references),
        person_id=first.person_id,
        rules=rules,
    )


def _information(pointer: ToldPointer) -> str:
    values = f" and {', '.join(pointer.attributes)}" if pointer.attributes else ""
    return f"that {pointer.source} has a record {pointer.source_record_id}{values}"
