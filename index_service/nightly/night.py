"""One night: load what has arrived, relink what changed, verify, tell. Each step can be broken off and done again.

A night that was interrupted is gone on with by the next job. A file is noted as judged good before anything of it is
stored, so that going on does not judge it by what it has itself brought.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from config.nights import NightsConfig
from config.policy import LinkagePolicy
from config.sources import SourceConfig
from index_service.errors import DiskFull, EmptyFile, InputError, NothingLoaded, UnreadableFile
from index_service.failures import in_a_sentence, stopped_by
from index_service.loading.load import LoadOptions, LoadSummary, load_file
from index_service.loading.prepare import Spool
from index_service.models import kept_model, model_in_use
from index_service.nightly.drop_folder import DroppedFile, ends_in_line_break, read_drop_folder, truncated
from index_service.nightly.profile import Drift, FileProfile, drifts, suspicions
from index_service.relinking import RelinkOptions, RelinkOutcome, RelinkWaits, Scope, relink
from index_service.sentinel import Screen, watch
from index_service.spark_session import SparkOptions
from index_service.stages import Advance, StageByStage, unwatched
from index_service.store.connection import Connection
from index_service.store.errors import DatabaseUnreachable
from index_service.store.nights import (
    FileOutcome,
    NightId,
    NightStatus,
    compare_arriving,
    days_since,
    faults,
    file_seen,
    finish_night,
    night_in_the_future,
    note_file,
    only_night,
    open_tasks,
    past_profiles,
    person_sizes,
)
from index_service.store.proposals import waiting_with_another_model
from linkage.model import Model
from linkage.record import COLUMNS

OpenDatabase = Callable[[], AbstractContextManager[Connection]]

BATCH_RECORDS = 10_000
TRIES = 5
PATIENCE_S = 2.0
_TRAITS = tuple(list(COLUMNS).index(name) for name in ("first_name", "last_name", "birth_date"))


class Quarantined(InputError):
    """The file is not as its source's files are; nothing of it was loaded."""

    def __init__(
        self, reasons: Collection[str], profile: FileProfile | None = None, drift: Collection[Drift] = ()
    ) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)
        self.profile = profile
        self.drift = tuple(drift)


@dataclass(frozen=True, slots=True)
class NightOptions:
    """What a night works on.

    Attributes:
        drop: folder with a folder per source.
        rejects: folder of the reject files.
        accept_files: sources whose files are loaded although something speaks against them.
        full: link all records, whatever changed.
        memory_limit_gb: what linking may take; the batch engine spills to disk beyond its share.
        spark: where everything is linked on Spark, when everything is linked; None for the batch engine.
        config: calendar and sentinel.
        fit: fits a model anew to what is loaded and keeps it; returns None if it did not settle.
    """

    drop: Path
    rejects: Path = Path("rejects")
    accept_files: frozenset[str] = frozenset()
    full: bool = False
    memory_limit_gb: float = 4.0
    spark: SparkOptions | None = None
    config: NightsConfig = field(default_factory=lambda: NightsConfig())
    fit: Callable[[Connection, Advance], Model | None] | None = None


@dataclass(slots=True)
class NightReport:
    """What a night did; `problems` wait for a person, a sentence each; `failure` ended it early.

    `relink` is the one with the model in use, `new_statistics` the one after it with another model, if there was one;
    `screen` is what the last of them says to the sentinel.
    """

    night_id: NightId
    resumed: bool = False
    files: list[dict[str, object]] = field(default_factory=list)
    relink: dict[str, object] = field(default_factory=dict)
    new_statistics: dict[str, object] = field(default_factory=dict)
    sentinel: dict[str, object] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    persons: dict[str, dict[int, int]] = field(default_factory=dict)
    open_tasks: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failure: str = ""
    timings_s: dict[str, float] = field(default_factory=dict)
    screen: Screen | None = None

    @property
    def status(self) -> NightStatus:
        return "failed" if self.failure or self.faults else "needs_person" if self.problems else "good"

    def figures(self) -> dict[str, object]:
        """The report for machines."""
        return {
            "night_id": self.night_id,
            "status": self.status,
            "resumed": self.resumed,
            "files": self.files,
            "relink": self.relink,
            "new_statistics": self.new_statistics,
            "sentinel": self.sentinel,
            "faults": self.faults,
            "persons": {kind: {str(size): n for size, n in sizes.items()} for kind, sizes in self.persons.items()},
            "open_tasks": self.open_tasks,
            "problems": self.problems,
            "notes": self.notes,
            "failure": self.failure,
            "timings_s": {step: round(seconds, 3) for step, seconds in self.timings_s.items()},
        }


def run_night(
    open_database: OpenDatabase,
    sources: Mapping[str, SourceConfig],
    policy: LinkagePolicy,
    options: NightOptions,
    advance: Advance = unwatched,
) -> NightReport:
    """Do a night's work; where the database goes away, wait for it and go on. Whatever else fails is in the report.

    Raises:
        NightRunning: another night job is under way.
        MissingFile: there is no drop folder.
        DatabaseUnreachable, psycopg.Error: the database does not come back.
    """
    for left in reversed(range(TRIES)):
        try:
            with open_database() as conn:
                return _night(conn, sources, policy, options, advance)
        except (psycopg.OperationalError, psycopg.InterfaceError, DatabaseUnreachable):
            if not left:
                raise
            time.sleep(PATIENCE_S)
    raise AssertionError("unreachable")


def _night(
    conn: Connection,
    sources: Mapping[str, SourceConfig],
    policy: LinkagePolicy,
    options: NightOptions,
    advance: Advance,
) -> NightReport:
    folder = read_drop_folder(options.drop, sources)
    with only_night(conn) as (night_id, resumed):
        report = NightReport(night_id, resumed, notes=list(folder.strange))
        if later := night_in_the_future(conn, night_id):
            report.notes.append(f"The clock was set back: night {later}, which is over, began later by the clock.")
        try:
            _timed(report, "load", lambda: _load_all(conn, report, folder.files, sources, options, advance))
            _timed(report, "relink", lambda: _relink(conn, report, policy, options, advance))
            _timed(report, "sentinel", lambda: _watch(conn, report, sources, policy, options, advance))
            _timed(report, "verify", lambda: _verify(conn, report, advance))
        except Exception as error:
            if conn.closed or isinstance(error, DatabaseUnreachable) or stopped_by(error) is not None:
                raise
            report.failure = in_a_sentence(error)
        finish_night(conn, night_id, report.status, report.figures())
    return report


def _timed(report: NightReport, step: str, work: Callable[[], None]) -> None:
    began = time.monotonic()
    try:
        work()
    finally:
        report.timings_s[step] = time.monotonic() - began


# --- load ------------------------------------------------------------------------------------------------------------


def _load_all(
    conn: Connection,
    report: NightReport,
    files: Collection[DroppedFile],
    sources: Mapping[str, SourceConfig],
    options: NightOptions,
    advance: Advance,
) -> None:
    stopped: set[str] = set()
    for file in files:
        if file.source in stopped:
            report.files.append(_told(file, "waiting", reasons=["An earlier file of this source is kept out."]))
            continue
        try:
            report.files.append(_load(conn, report, file, sources[file.source], options, advance))
        except DiskFull:
            raise
        except InputError as error:
            stopped.add(file.source)
            report.files.append(_keep_out(conn, report, file, error))


def _keep_out(conn: Connection, report: NightReport, file: DroppedFile, error: InputError) -> dict[str, object]:
    kept = error if isinstance(error, Quarantined) else Quarantined([error.message])
    outcome: FileOutcome = "unreadable" if isinstance(error, UnreadableFile | EmptyFile) else "quarantined"
    note_file(
        conn,
        report.night_id,
        file.source,
        file.sha256,
        file.path.name,
        outcome,
        reasons=kept.reasons,
        profile=kept.profile.kept() if kept.profile else None,
        drift=[each.kept() for each in kept.drift],
    )
    report.problems.append(
        f"{file.source}: {file.path.name} is kept out, and what follows it waits. {' '.join(kept.reasons)}"
    )
    return _told(file, outcome, reasons=kept.reasons, drift=kept.drift)


def _load(
    conn: Connection,
    report: NightReport,
    file: DroppedFile,
    source: SourceConfig,
    options: NightOptions,
    advance: Advance,
) -> dict[str, object]:
    seen = file_seen(conn, file.source, file.sha256)
    accepted = file.source in options.accept_files
    if seen is not None and seen.outcome == "loaded" and seen.night_id != report.night_id:
        renamed = "" if seen.file_name == file.path.name else f", as {seen.file_name}"
        return _told(
            file, "loaded before", load_id=seen.load_id, reasons=[f"Loaded in night {seen.night_id}{renamed}."]
        )
    if seen is not None and seen.outcome == "quarantined" and not accepted:
        raise Quarantined(seen.reasons)
    judged = seen is not None and seen.outcome in ("storing", "loaded")
    if not (judged or accepted) and (broken := truncated(file.path, source.file_format.separator)):
        raise Quarantined([broken])

    drift: list[Drift] = []

    def examine(summary: LoadSummary, spool: Spool) -> None:
        profile = _profile(file, summary, spool)
        drift.extend(drifts(profile, [FileProfile.read(kept) for kept in past_profiles(conn, file.source)]))
        against = [*_against(conn, file.source, spool), *(each.told for each in drift if each.told)]
        if against and not accepted:
            raise Quarantined(against, profile, drift)
        note_file(
            conn,
            report.night_id,
            file.source,
            file.sha256,
            file.path.name,
            "storing",
            profile=profile.kept(),
            drift=[each.kept() for each in drift],
        )

    rejects = options.rejects / f"{file.source}-{file.sha256[:12]}.csv"
    summary = load_file(
        conn,
        source,
        file.path,
        LoadOptions(rejects=rejects, accept=accepted, examine=None if judged else examine),
        advance,
    )
    note_file(
        conn, report.night_id, file.source, file.sha256, file.path.name, "loaded", load_id=summary.load_id
    )  # fmt: skip
    return _told(file, "loaded", load_id=summary.load_id, drift=drift) | {
        "counts": summary.counts(),
        "reject_file": summary.reject_file,
        "rejected_by_field": {entry.field: entry.rejected for entry in summary.quality if entry.rejected},
    }


def _profile(file: DroppedFile, summary: LoadSummary, spool: Spool) -> FileProfile:
    ids = (record.source_record_id for batch in spool.batches(BATCH_RECORDS) for record in batch if not record.refused)
    return FileProfile.of(summary.rows, summary.quality, ids, ends_in_line_break(file.path))


def _against(conn: Connection, source: str, spool: Spool) -> list[str]:
    """What speaks against storing a file, from what it would do to the records held."""
    rows = (
        (record.source_record_id, record.deleted, *_traits(record.normalised))
        for batch in spool.batches(BATCH_RECORDS)
        for record in batch
        if not record.refused
    )
    return suspicions(compare_arriving(conn, source, rows))


def _traits(line: str) -> tuple[str, str, str]:
    values = line.rstrip("\n").split("\t") if line else [""] * len(COLUMNS)
    first, last, born = (values[place] for place in _TRAITS)
    return first, last, born


def _told(
    file: DroppedFile,
    outcome: str,
    *,
    load_id: int | None = None,
    reasons: Collection[str] = (),
    drift: Collection[Drift] = (),
) -> dict[str, object]:
    """A file in the report; of its drift what has moved by a hundredth or more."""
    moved = [each.kept() for each in drift if each.told or abs(each.now - each.usual) >= 0.01 * max(1.0, each.usual)]
    return {
        "source": file.source,
        "file": file.path.name,
        "sha256": file.sha256,
        "outcome": outcome,
        "load_id": load_id,
        "reasons": list(reasons),
        "drift": moved,
    }


# --- relink, look for persons that may be several, verify -------------------------------------------------------------


def _relink(
    conn: Connection, report: NightReport, policy: LinkagePolicy, options: NightOptions, advance: Advance
) -> None:
    """Link what changed with the model in use; then, with new statistics, everything with another model.

    So what has arrived is published while new statistics wait for a person. Each night proposes them again, until they
    are accepted or rejected.
    """
    due, waiting = _new_statistics_are_due(conn, options), waiting_with_another_model(conn)
    scope: Scope = "changed" if (due or waiting) and not options.full else _scope(conn, report, options)
    report.relink = _relinked(conn, report, model_in_use(conn), policy, scope, options, advance)
    if not report.relink or report.relink["waits"]:
        return
    model = _fitted(conn, report, options, advance) if due else None
    if model is None and waiting is not None:
        model = kept_model(conn, waiting.fingerprint)
        if waiting.stands and report.relink["run_id"] is None:
            report.problems.append(
                f"Relink {waiting.run_id}, with model {waiting.fingerprint}, waits: person-index relink accept "
                f"{waiting.run_id}, or reject."
            )
            return
        report.notes.append(
            f"Relink {waiting.run_id}, with model {waiting.fingerprint}, waited: with what has come since, it is "
            "proposed again."
        )
    if model is not None:
        report.new_statistics = _relinked(conn, report, model, policy, "full", options, advance)


def _relinked(
    conn: Connection,
    report: NightReport,
    model: Model,
    policy: LinkagePolicy,
    scope: Scope,
    options: NightOptions,
    advance: Advance,
) -> dict[str, object]:
    """The figures of a relink, published or waiting; nothing where nothing is loaded."""
    try:
        asked = RelinkOptions(scope, memory_limit_gb=options.memory_limit_gb, spark=options.spark)
        outcome = relink(conn, model, policy, asked, advance)
    except NothingLoaded as error:
        report.notes.append(error.message)
        return {}
    except RelinkWaits as waits:
        report.problems.append(f"{waits.message} {waits.hint}")
        outcome = waits.outcome
    if outcome.publication is not None:
        report.screen = outcome.screen
    return relink_figures(outcome) | {"policy": {"name": policy.name, "sha256": policy.sha256}}


def _new_statistics_are_due(conn: Connection, options: NightOptions) -> bool:
    _, model_days = days_since(conn)
    every = options.config.calendar.new_statistics_days
    return every is not None and options.fit is not None and model_days is not None and model_days >= every


def _fitted(conn: Connection, report: NightReport, options: NightOptions, advance: Advance) -> Model | None:
    """A model fitted anew; with it the relink links everything."""
    try:
        fitted = options.fit(conn, advance) if options.fit else None
    except NothingLoaded:
        return None
    report.notes.append(
        "The calendar asked for new statistics: "
        + ("the fit did not settle, the model stays." if fitted is None else f"model {fitted.fingerprint} was fitted.")
    )
    return fitted


def _scope(conn: Connection, report: NightReport, options: NightOptions) -> Scope:
    full_days, _ = days_since(conn)
    every = options.config.calendar.full_relink_days
    if not options.full and every is not None and full_days is not None and full_days >= every:
        report.notes.append(f"The calendar asked for a full relink: the last was {full_days:.0f} days ago.")
        return "full"
    return "full" if options.full else "changed"


def relink_figures(outcome: RelinkOutcome) -> dict[str, Any]:
    """A relink's outcome as it is kept with the night."""
    return {
        "run_id": outcome.run_id,
        "scope": outcome.scope,
        "full_because": outcome.full_because,
        "published": outcome.publication is not None,
        "waits": outcome.publication is None and outcome.needs_accepting,
        "over_budget": [asdict(each) for each in outcome.over_budget],
        "model_fingerprint": outcome.model_fingerprint,
        "records": outcome.records,
        "candidate_pairs": outcome.candidate_pairs,
        "changes": outcome.change.counts() if outcome.change else {},
        "share_of_persons_changed": outcome.change.share_of_persons_changed if outcome.change else 0.0,
        "oversized_components": list(outcome.oversized_components),
        "put_off": outcome.put_off,
        "keys_have_grown": outcome.keys_have_grown,
        "timings_s": {stage: round(seconds, 3) for stage, seconds in outcome.timings_s.items()},
    }


def _watch(
    conn: Connection,
    report: NightReport,
    sources: Mapping[str, SourceConfig],
    policy: LinkagePolicy,
    options: NightOptions,
    advance: Advance,
) -> None:
    found = watch(conn, model_in_use(conn), policy, options.config.sentinel, sources, advance, report.screen)
    report.sentinel = found.figures()


def _verify(conn: Connection, report: NightReport, advance: Advance) -> None:
    progress = StageByStage(advance)
    progress("verify")
    report.faults = faults(conn)
    progress("count persons and tasks")
    report.persons = person_sizes(conn)
    report.open_tasks = open_tasks(conn)
    progress.done()
