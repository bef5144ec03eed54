"""The accounting of disclosures of a person, as 45 CFR 164.528 asks: date, recipient, what, and what for.

Looks back six years. Disclosures under an agreement that counsel marked as exempt (treatment, payment, operations) are
left out unless asked for; those of segregated sources (42 CFR 2.25) never are. It covers the records that the person
has now, whatever person they were counted to when they were told of.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from itertools import groupby

from config.agreements import ZONE, Agreement
from config.purposes import Purposes
from index_service.disclosure.notices import PART2_NOTICE
from index_service.spreadsheet_cells import neutralise
from index_service.store.ledger import SealState, ToldPointer

LOOK_BACK_YEARS = 6
PART2_LOOK_BACK = timedelta(days=3 * 365 + 1)
"""So far back 42 CFR 2.25 asks for disclosures of segregated sources; before, the other rule alone."""

HIPAA, PART2 = "45 CFR 164.528", "42 CFR 2.25"
_SEALS: Mapping[SealState, str] = {
    "stands": "stands as sealed",
    "differs": "NOT as sealed",
    "not yet": "not sealed yet",
}
COLUMNS = (
    "number",
    "date",
    "recipient",
    "address",
    "purpose",
    "information",
    "agreement",
    "person_id",
    "rules",
    "seal",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One disclosure in the accounting, in words.

    number: of its row; None where it is not told, since numbers count what was told of others.
    rules: those that ask for it.
    seal: whether its row stands as it was sealed.
    of_part2: whether it tells of records under 42 CFR Part 2, also before the time that 2.25 asks for.
    """

    number: int | None
    at: datetime
    recipient: str
    address: str
    purpose: str
    information: str
    agreement: str
    person_id: str
    rules: str
    seal: SealState
    of_part2: bool

    @property
    def date(self) -> str:
        return self.at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")

    def cells(self) -> tuple[str, ...]:
        return (
            "" if self.number is None else str(self.number),
            self.date,
            *(str(getattr(self, name)) for name in COLUMNS[2:]),
        )


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
        of_part2 = any(each.source in segregated for each in pointers)
        rules = f"{HIPAA}; {PART2}" if of_part2 and pointers[0].at >= span[1] - PART2_LOOK_BACK else HIPAA
        lines.append(_line(pointers, agreements, purposes, rules, of_part2=of_part2))
    return Accounting(person_id, *span, lines, exempt)


def without_numbers(accounting: Accounting) -> Accounting:
    """The same for who may not learn how much was told of others."""
    return replace(accounting, lines=[replace(line, number=None) for line in accounting.lines])


def as_text(accounting: Accounting) -> Iterable[str]:
    """The accounting to read on a terminal."""
    yield title(accounting)
    yield from notices(accounting)
    for line in accounting.lines:
        yield f"{line.date}  {line.recipient}{', ' + line.address if line.address else ''}"
        yield f"    purpose: {line.purpose}"
        yield f"    told: {line.information}"
        under = f"under {line.agreement}; " if line.agreement else ""
        yield f"    {under}{_row(line)} {_SEALS[line.seal]}; {line.rules}"
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
    told = "".join(f"<p><strong>{escape(each)}</strong></p>\n" for each in notices(accounting))
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
<p>{escape(title(accounting))}</p>
{told}<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p>{escape(_foot(accounting))}</p>
</body>
</html>
"""


def title(accounting: Accounting) -> str:
    """What the accounting covers, and under which rules: 42 CFR 2.25 only where records under Part 2 were told of."""
    first, third, last = (
        at.astimezone(ZONE).strftime("%Y-%m-%d")
        for at in (accounting.from_at, accounting.until_at - PART2_LOOK_BACK, accounting.until_at)
    )
    part2 = f"; of substance use disorder treatment from {third} ({PART2})" if _of_part2(accounting) else ""
    return f"Disclosures of the records of person {accounting.person_id} from {first} to {last} ({HIPAA}){part2}"


def notices(accounting: Accounting) -> list[str]:
    """What has to travel with it: the notice of 42 CFR 2.32, where a line tells of records under Part 2."""
    return [PART2_NOTICE] if any(line.of_part2 for line in accounting.lines) else []


def _of_part2(accounting: Accounting) -> bool:
    return any(PART2 in line.rules for line in accounting.lines)


def _row(line: Line) -> str:
    return "its row" if line.number is None else f"ledger row {line.number}"


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


def _line(
    pointers: Sequence[ToldPointer],
    agreements: Mapping[str, Agreement],
    purposes: Purposes,
    rules: str,
    *,
    of_part2: bool,
) -> Line:
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
        seal=first.seal,
        of_part2=of_part2,
    )


def _information(pointer: ToldPointer) -> str:
    values = f" and {', '.join(pointer.attributes)}" if pointer.attributes else ""
    return f"that {pointer.source} has a record {pointer.source_record_id}{values}"
