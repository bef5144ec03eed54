"""The report of a night as one HTML page with plots: what came, what it changed, how that compares with other nights.

Ids of persons and counts stand in it, no value of a record. It opens offline and loads nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from index_service.cli.relink import CHANGES
from index_service.store.connection import Connection
from index_service.store.nights import Night, nights
from index_service.store.overview import night_files
from index_service.store.workbench import Examples, Run, examples_of_run, run, runs, weights_of_run
from training.evaluation.report import series
from training.evaluation.report.page import (
    Html,
    Section,
    figure,
    folded,
    heading,
    page,
    paragraph,
    table,
    tiles,
    together,
)
from training.evaluation.report.plots import svg

NIGHTS_SHOWN = 30
EXAMPLES = 5
BITS_A_BIN = 2
STATUS = {"good": "All is good", "needs_person": "Waits for a person", "failed": "Failed", "running": "Not ended"}
KINDS = ("joined", "split", "moved", "retired")


@dataclass(frozen=True, slots=True)
class NightData:
    """What the page of a night is made of.

    Attributes:
        night: the night itself.
        files: night, source and profile of the files of this night and those before.
        relink: the last run that the night published, if it linked.
        waiting: the run that waits for a person, if the night left one.
        relinks: relinks published until then, the oldest first.
        weights: memberships that the relink began, by weight in bits; alone: records that have no other beside them.
    """

    night: Night
    files: Sequence[tuple[int, str, Mapping[str, Any]]]
    relink: Run | None
    waiting: Run | None
    relinks: Sequence[Run]
    examples: Sequence[Examples]
    weights: Mapping[int, int]
    alone: int


def read_night(conn: Connection, night_id: int | None = None) -> NightData | None:
    """Read what the page of a night needs: of the latest, or of the one with this number. None: there is none."""
    found = [each for each in nights(conn, 1000) if each.night_id == night_id or night_id is None]
    if not found:
        return None
    night = found[0]
    run_id = next((each["run_id"] for each in reversed(_linkings(night)) if each.get("published")), None)
    relink = run(conn, run_id) if run_id else None
    weights, alone = weights_of_run(conn, run_id) if run_id else ({}, 0)
    relinks = [each for each in runs(conn, 2 * NIGHTS_SHOWN) if each.kind in ("full", "changed")]
    until = night.finished_at
    known = [each for each in relinks if until is None or each.started_at <= until]
    waiting = next((each for each in known if each.status == "waiting"), None)
    files = [each for each in night_files(conn, night.night_id - NIGHTS_SHOWN) if each[0] <= night.night_id]
    published = [each for each in reversed(known) if each.status == "published"]
    examples = examples_of_run(conn, run_id, EXAMPLES) if run_id else []
    return NightData(night, files, relink, waiting, published, examples, weights, alone)


def _linkings(night: Night) -> list[Mapping[str, Any]]:
    """What the night linked: with the model in use, and with another."""
    return [each for name in ("relink", "new_statistics") if (each := night.report.get(name))]


def night_page(data: NightData) -> str:
    """The page."""
    night = data.night
    took = (
        ""
        if night.finished_at is None
        else f" and took {(night.finished_at - night.started_at).total_seconds():,.0f} s"
    )
    lead = f"{STATUS.get(night.status, night.status)}. It began {night.started_at:%Y-%m-%d %H:%M} UTC{took}."
    sections = [
        *_to_do(data),
        *_arrived(data),
        *_volumes(data),
        *_quality(data),
        *_changes(data),
        *_weights(data),
        *_churn(data),
        *_persons(data),
        *_sentinel(data),
        *_timings(data),
    ]
    footer = (
        "No value of a record is in this file; ids of persons are: keep it as you keep the index. It opens offline."
    )
    return page(f"Night {night.night_id}", lead, _headline(data), sections, footer)


def _headline(data: NightData) -> Html:
    report = data.night.report
    files = report.get("files", [])
    loaded = [file for file in files if file["outcome"] == "loaded"]
    changes = Counter[str]()
    for each in _linkings(data.night):
        changes.update(each["changes"] if each.get("published") else {})
    changed = sum(changes[kind] for kind in KINDS)
    kept_out = sum(file["outcome"] in ("quarantined", "unreadable", "waiting") for file in files)
    fresh = sum(_count(file, "new", "changed") for file in loaded)
    tasks, suspected = report.get("open_tasks", {}), report.get("sentinel", {}).get("open", 0)
    persons = sum(report.get("persons", {}).get("sources", {}).values())
    return tiles(
        [
            ("Files loaded", f"{len(loaded):,}", f"{kept_out:,} kept out"),
            ("Records new or changed", f"{fresh:,}", "in the files loaded"),
            ("Persons", f"{persons:,}", f"{changes['created']:,} new"),
            ("Persons and records moved", f"{changed:,}", "joined, split, moved, retired"),
            ("Questions open", f"{sum(tasks.values()):,}", f"{suspected:,} of persons that may be several"),
        ]
    )  # fmt: skip


def _count(file: Mapping[str, Any], *names: str) -> int:
    counts = file.get("counts") or {}
    return sum(int(counts.get(name, 0)) for name in names)


def _to_do(data: NightData) -> Iterator[Section]:
    report = data.night.report
    said = [*report.get("problems", []), *([report["failure"]] if report.get("failure") else [])]
    wrong = [
        f"{count:,} {name.replace('_', ' ')}: this must never be." for name, count in report.get("faults", {}).items()
    ]
    parts = [paragraph(text) for text in (*wrong, *said)] or [paragraph("Nothing waits for a person.")]
    if data.waiting is not None:
        parts.append(heading(f"Relink {data.waiting.run_id} waits"))
        parts += [paragraph(f"{clause}.") for clause in data.waiting.counts.get("over_budget", [])]
        rows = [
            [
                example["kind"],
                ", ".join(example["persons"]),
                f"{example['records']:,}",
                f"{example.get('component_records', 0):,}",
            ]
            for example in data.waiting.counts.get("examples", [])
        ]
        columns = ("kind", "persons", "records", "records looked at together")
        parts.append(table("Its changes in the largest components", columns, rows, words=2))
    notes = report.get("notes", [])
    yield "todo", "What waits for a person", together(*parts, *(paragraph(note) for note in notes))


def _arrived(data: NightData) -> Iterator[Section]:
    files = [file for file in data.night.report.get("files", []) if file["outcome"] != "loaded before"]
    known = len(data.night.report.get("files", [])) - len(files)
    before = [paragraph(f"{known:,} files in the drop folder had been loaded before.")] if known else []
    if not files:
        yield "arrived", "What arrived", together(*before, paragraph("No new file lay in the drop folder."))
        return
    names = [name for name in dict.fromkeys(name for file in files for name in file.get("counts") or {})
             if name == "rows" or any(_count(file, name) for file in files)]  # fmt: skip
    columns = ("source", "file", "outcome", *(name.replace("_", " ") for name in names))
    rows = [
        [file["source"], file["file"], file["outcome"], *(_or_dash(_count(file, name)) for name in names)]
        for file in files
    ]
    rejected = [
        [file["source"], field, f"{count:,}"]
        for file in files
        for field, count in (file.get("rejected_by_field") or {}).items()
    ]
    parts = [*before, table("Files of this night", columns, rows, words=3)]
    if rejected:
        parts.append(table("Values that were not used", ("source", "field", "rows"), rejected, words=2))
    yield "arrived", "What arrived", together(*parts)


def _or_dash(count: int) -> str:
    return f"{count:,}" if count else "–"


def _volumes(data: NightData) -> Iterator[Section]:
    rows: Counter[tuple[str, int]] = Counter()
    for night, source, profile in data.files:
        rows[source, night] += profile.get("rows", 0)
    if rows:
        points = [(source, night, float(count)) for (source, night), count in sorted(rows.items())]
        drawing = svg(series.bars_by_panel(points, "night"), "volumes")
        how = "Rows of the files loaded; each source has its own scale. A bar unlike its neighbours is worth a look."
        content = figure(drawing, alt="Rows by source and night", how_to_read=how)
        yield "volumes", "Volumes by source", together(content, _by_night("Rows", points, "{:,.0f}"))


def _quality(data: NightData) -> Iterator[Section]:
    found = [
        (source, night, fmean(profile["filled"].values()))
        for night, source, profile in data.files
        if profile.get("filled")
    ]
    if found:
        drawing = svg(series.bars_by_panel(sorted(found), "night", share=True), "quality")
        how = "Share of the fields that records fill, on average. A line that falls is a source that loses a column."
        content = figure(drawing, alt="Filled fields by source and night", how_to_read=how)
        yield "quality", "Quality by source", together(content, _by_night("Fields filled", sorted(found), "{:.1%}"))


def _by_night(caption: str, points: Sequence[tuple[str, int, float]], shown: str) -> Html:
    of_nights = sorted({night for _, night, _ in points})[-8:]
    values = {(source, night): value for source, night, value in points}
    rows = [
        [source, *(shown.format(values[source, night]) if (source, night) in values else "–" for night in of_nights)]
        for source in sorted({source for source, _, _ in points})
    ]
    return folded("The figures", table(caption, ("source", *(f"night {night}" for night in of_nights)), rows))


def _changes(data: NightData) -> Iterator[Section]:
    linkings = [each for each in _linkings(data.night) if each.get("changes")]
    parts = []
    for each in linkings:
        rows = [(name, int(each["changes"].get(name, 0))) for name in CHANGES]
        drawing = svg(series.bars_of(rows, "persons or records"), f"changes-{each['run_id']}")
        how = "; ".join(f"{name}: {meaning}" for name, meaning in CHANGES.items()) + "."
        what = "changed" if each.get("published") else "would change"
        parts.append(heading(f"What relink {each['run_id']} {what}"))
        parts.append(figure(drawing, alt=f"What relink {each['run_id']} {what}, by kind", how_to_read=how))
    if not any(each.get("published") for each in linkings):
        parts.append(paragraph("Nothing was published this night."))
    examples = [
        [kind.kind, event.person_id, ", ".join(event.other_person_ids) or "–", f"{len(event.records):,}"]
        for kind in data.examples
        for event in kind.events
    ]
    if examples:
        parts.append(table("Examples of every kind", ("kind", "person", "others", "records"), examples, words=3))
    yield "changes", "What changed", together(*parts)


def _weights(data: NightData) -> Iterator[Section]:
    if not data.weights:
        return
    binned: Counter[int] = Counter()
    for bits, count in data.weights.items():
        binned[bits // BITS_A_BIN * BITS_A_BIN] += count
    drawing = svg(series.histogram(binned, BITS_A_BIN, "match weight in bits", "records"), "weights")
    how = (
        "Weight of each record that this night put into a person, with its other records; counts on a scale of "
        f"powers of ten. 10 bits are about 1,000 to 1. {data.alone:,} more are alone in their person or certain."
    )
    yield "weights", "How surely records belong", figure(drawing, alt="Records by weight", how_to_read=how)


def _churn(data: NightData) -> Iterator[Section]:
    relinks = data.relinks[-NIGHTS_SHOWN:]
    if len(relinks) < 2:
        return
    lines = {kind: [(each.run_id, float(each.counts.get(kind, 0))) for each in relinks] for kind in KINDS}
    drawing = svg(series.lines_over(lines, "relink", "persons or records"), "churn")
    rows = [[str(each.run_id), *(f"{int(each.counts.get(kind, 0)):,}" for kind in KINDS)] for each in relinks]
    how = "What each published relink changed of persons that were there, on a scale of powers of ten."
    content = figure(drawing, alt="Changes by relink", how_to_read=how)
    yield "churn", "Churn over time", together(content, folded("The figures", table("Churn", ("relink", *KINDS), rows)))


def _persons(data: NightData) -> Iterator[Section]:
    sizes = data.night.report.get("persons", {}).get("sources", {})
    if not sizes:
        return
    rows = [
        (f"{size} source{'s' if int(size) > 1 else ''}", int(n))
        for size, n in sorted(sizes.items(), key=lambda e: int(e[0]))
    ]
    drawing = svg(series.bars_of(rows, "persons"), "persons")
    how = "Persons by how many systems know them. One source alone: known there only, or a link is missing."
    yield (
        "persons",
        "Persons by number of sources",
        figure(drawing, alt="Persons by number of sources", how_to_read=how),
    )


def _sentinel(data: NightData) -> Iterator[Section]:
    found = data.night.report.get("sentinel", {})
    if not found:
        return
    signs = [[sign.replace("_", " "), f"{count:,}"] for sign, count in found["signs"].items()]
    clients = [[client, f"{persons:,}"] for client, persons in found["told"].items()]
    rows = [
        [
            str(each["task_id"]),
            each["person_id"],
            ", ".join(sign.replace("_", " ") for sign in each["signs"]),
            f"{each['may_leave']:,} of {each['records']:,}",
            ", ".join(f"{told['client']} ({told['times']:,})" for told in each["clients"]) or "nobody",
        ]
        for each in found["examples"]
    ]
    lead = (
        f"{found['persons']:,} persons had changed and could be several; {found['asked']:,} show a sign. "
        f"{found['open']:,} such questions are open."
    )
    parts = [paragraph(lead)]
    if signs:
        parts.append(table("Signs that this night found", ("sign", "persons"), signs))
    if rows:
        columns = ("task", "person", "signs", "records that may leave", "told since the link")
        parts.append(table("The largest that are open", columns, rows, words=5))
    if clients:
        parts.append(table("Clients told of such persons since the doubtful link", ("client", "persons"), clients))
    yield "sentinel", "Persons that may be several", together(*parts)


def _timings(data: NightData) -> Iterator[Section]:
    report = data.night.report
    rows = [[step, f"{seconds:,.1f}"] for step, seconds in report.get("timings_s", {}).items()]
    linkings = _linkings(data.night)
    rows += [
        [f"relink {each['run_id']}: {stage}", f"{seconds:,.1f}"]
        for each in linkings
        for stage, seconds in each["timings_s"].items()
    ]
    told = [paragraph(_told_of(each)) for each in linkings]
    yield "timings", "How long it took", together(*told, table("Seconds", ("step", "seconds"), rows))


def _told_of(linking: Mapping[str, Any]) -> str:
    if linking["run_id"] is None:
        return f"Model {linking['model_fingerprint']}: nothing had changed, so nothing was linked."
    policy = linking["policy"]
    return (
        f"Relink {linking['run_id']}, {linking['scope']}: model {linking['model_fingerprint']}, policy "
        f"{policy['name']} ({policy['sha256'][:12]}); {linking['records']:,} records, "
        f"{linking['candidate_pairs']:,} candidate pairs."
    )
