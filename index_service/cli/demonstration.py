"""The whole job on invented data: extracts of eleven departments are made, loaded, linked and judged by the truth."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from config.agreements import ZONE
from config.policy import load_policy
from config.sources import load_sources
from index_service.accounts.administering import add_account
from index_service.accounts.roles import Role
from index_service.cli.demo_arrivals import keep_watch, let_a_court_wait, let_arrive, questions
from index_service.cli.demo_client import DemoClient, add_demo_client
from index_service.cli.evaluate import judge_linked
from index_service.cli.train import fit_loaded, keep_model, make_current_if_first
from index_service.database import open_database
from index_service.explaining import PairReasons, pair_reasons
from index_service.linking_again import LinkedAgain, link_again
from index_service.loading.load import LoadOptions, LoadSummary, load_file
from index_service.relinking import RelinkOptions, RelinkOutcome, relink
from index_service.settings import Settings
from index_service.stages import Advance
from index_service.store.connection import Connection
from index_service.store.server import running_database
from index_service.store.stewardship import counts
from linkage.record import RecordKey
from training.evaluation.report import evaluation_report
from training.evaluation.result import Evaluation
from training.population import Population, generate
from training.population.extracts import write_extracts

if TYPE_CHECKING:
    from linkage.model import Model
    from training.fit import FitResult

SUBGROUPS = {
    "is_twin": "twins",
    "has_sibling": "siblings",
    "is_infant": "infants",
    "no_ssn_anywhere": "no SSN on any record",
    "two_surnames": "two surnames",
    "adopted": "adopted",
}
"""Column of the truth -> how the summary calls it."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """A worked look-up: a record is asked for; the answer is its person with all records, and why the first two match.

    `note` says what makes the case hard and how it came out.
    """

    case: str
    asked: RecordKey
    asked_name: str
    person_id: str
    records: tuple[tuple[RecordKey, str], ...]
    matched: RecordKey
    why: PairReasons
    note: str


@dataclass(frozen=True, slots=True)
class Queue:
    """What stewards are asked once the last records have come.

    Attributes:
        arrived: records that came one by one after the relink.
        open: questions by kind.
        cases: what makes a case hard, the number of its task, and its kind.
    """

    arrived: int
    open: dict[str, int]
    cases: tuple[tuple[str, int, str], ...]


@dataclass(frozen=True, slots=True)
class DemoAccounts:
    """The accounts of the demo's own database, to open the workbench with; the password is drawn anew for each demo.

    names: account to what it is there for.
    """

    names: Mapping[str, str]
    password: str


_ACCOUNTS = (
    ("demo.steward", "Demo Steward", (Role.STEWARD,), "decides"),
    ("demo.senior", "Demo Senior Steward", (Role.SENIOR_STEWARD,), "is the second person"),
    ("demo.supervisor", "Demo Supervisor", (Role.SUPERVISOR,), "seals adoptions"),
    ("demo.auditor", "Demo Auditor", (Role.AUDITOR,), "reads the ledger"),
)


@dataclass(slots=True)
class Demonstration:
    """Everything that the summary tells."""

    children: int
    records: int = 0
    loads: list[LoadSummary] = field(default_factory=list)
    fitted: FitResult | None = None
    outcome: RelinkOutcome | None = None
    evaluation: Evaluation | None = None
    look_ups: list[LookUp] = field(default_factory=list)
    reports: list[Path] = field(default_factory=list)
    timings_s: dict[str, float] = field(default_factory=dict)
    queue: Queue | None = None
    accounts: DemoAccounts | None = None
    client: DemoClient | None = None

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.timings_s[step] = round(time.monotonic() - began, 2)


def demo_settings(folder: Path) -> Settings:
    """The demo has an embedded database of its own, whatever PERSON_INDEX_DATABASE_URL says."""
    return Settings(
        database_url=None,
        answering_database_url=None,
        data=folder / "database",
        signing_keys=folder / "signing-keys.json",
        sealing_keys=folder / "sealing-keys.json",
        ledger_seals=folder / "ledger-seals",
    )


def demonstrate(children: int, seed: int, folder: Path, advance: Advance) -> Demonstration:
    """Do it all and return the figures; what an earlier demo left in the folder is replaced."""
    shown = Demonstration(children)
    settings = demo_settings(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with shown.timed("invent people"):
        advance("Inventing people", 0.0)
        population = generate(children, seed=seed)
        shutil.rmtree(folder / "extracts", ignore_errors=True)
        files = write_extracts(population, folder / "extracts")
        advance("Inventing people", 1.0)
    shown.records = len(population)
    with running_database(settings):
        _forget_earlier_demo(settings)
        with open_database(settings) as conn:
            _load(conn, files, folder, shown, advance)
            model = _train(conn, folder, shown, advance)
            _relink(conn, model, shown, advance)
            linked = _evaluate(conn, model, population, folder, shown, advance)
            with shown.timed("look up"):
                shown.look_ups = list(look_ups(population, linked.persons, linked.records, model))
            _arrive(conn, model, shown, advance)
            shown.accounts = add_demo_accounts(conn)
            shown.client = add_demo_client(conn, folder)
    return shown


def add_demo_accounts(conn: Connection) -> DemoAccounts:
    """One of each role, with one random password that is printed once."""
    password = "-".join(secrets.token_hex(3) for _ in range(4))
    for name, display_name, roles, _ in _ACCOUNTS:
        add_account(conn, name, display_name=display_name, roles=roles, password=password)
    return DemoAccounts({name: what_for for name, _, _, what_for in _ACCOUNTS}, password)


def _forget_earlier_demo(settings: Settings) -> None:
    settings.ledger_seals.unlink(missing_ok=True)  # of the ledger that goes with the database
    # not by our own `connect`, which wants the keys of what is thrown away
    with running_database(settings) as url, psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DROP SCHEMA IF EXISTS public, segregated CASCADE")
        conn.execute("CREATE SCHEMA public")


def _load(conn: Connection, files: dict[str, Path], folder: Path, shown: Demonstration, advance: Advance) -> None:
    sources = load_sources()
    with shown.timed("load"):
        for number, (source, path) in enumerate(files.items()):
            advance("Loading extracts", number / len(files))
            # Among few invented people chance alone can break what is expected of a department's millions.
            options = LoadOptions(rejects=folder / "rejects" / f"{source}.csv", accept=True)
            shown.loads.append(load_file(conn, sources[source], path, options))
        advance("Loading extracts", 1.0)


def _train(conn: Connection, folder: Path, shown: Demonstration, advance: Advance) -> Model:
    with shown.timed("train"):
        fitted = fit_loaded(conn, advance)
        report = folder / "model.html"
        keep_model(conn, fitted, folder / "model.json", report)
        make_current_if_first(conn, fitted)
    shown.fitted = fitted
    shown.reports.append(report)
    return fitted.model


def _relink(conn: Connection, model: Model, shown: Demonstration, advance: Advance) -> None:
    with shown.timed("relink"):
        shown.outcome = relink(conn, model, load_policy(), RelinkOptions(), advance)


def _evaluate(
    conn: Connection, model: Model, population: Population, folder: Path, shown: Demonstration, advance: Advance
) -> LinkedAgain:
    with shown.timed("evaluate"):
        linked = link_again(conn, model, load_policy(), advance)
        advance("Judging by the truth", 0.0)
        shown.evaluation = judge_linked(linked, population.truth, load_policy())
        report = folder / "evaluation.html"
        evaluation_report(shown.evaluation, report)
        advance("Judging by the truth", 1.0)
    shown.reports.append(report)
    return linked


def _arrive(conn: Connection, model: Model, shown: Demonstration, advance: Advance) -> None:
    """The last records come as over the API, the sentinel looks, a court waits; then the queue is what it is."""
    with shown.timed("arrivals"):
        advance("Linking what arrives", 0.0)
        arrived = let_arrive(conn)
        keep_watch(conn, model)
        let_a_court_wait(conn, datetime.now(ZONE).date())
        cases = tuple((case.title, task.task_id, task.kind) for case, task in questions(conn))
        shown.queue = Queue(arrived, {count.kind: count.open for count in counts(conn)}, cases)
        advance("Linking what arrives", 1.0)


# --- worked look-ups --------------------------------------------------------------------------------------------------


def look_ups(population: Population, persons: pa.Table, normalised: pa.Table, model: Model) -> Iterator[LookUp]:
    """A twin (of the same sex if there is one), an adopted child and a newborn, each the clearest case there is."""
    cases = _Cases(population, persons, normalised, model)
    truth = population.truth
    child = pc.equal(truth["role"], "child")
    alike = pc.and_(child, truth["same_sex_twin"])
    twin = alike if pc.any(alike).as_py() else pc.and_(child, truth["is_twin"])
    adopted = pc.and_(child, truth["adopted_before_record"])
    newborn = pc.and_(child, pc.and_(truth["is_infant"], truth["baby_name"]))
    yield from cases.first("a twin", twin, cases.note_on_twin)
    yield from cases.first("an adopted child", adopted, cases.note_on_adoption)
    yield from cases.first("a newborn", newborn, lambda _: "Entered without a given name, as birth hospitals do.")


class _Cases:
    """Finds records to ask for, and what there is to say of their persons."""

    def __init__(self, population: Population, persons: pa.Table, normalised: pa.Table, model: Model) -> None:
        self.records, self.truth, self.normalised, self.model = population.records, population.truth, normalised, model
        self.row = {key: row for row, key in enumerate(_keys(self.records))}
        self.normalised_row = {key: row for row, key in enumerate(_keys(normalised))}
        self.person = dict(zip(_keys(persons), persons["person_id"].to_pylist(), strict=True))
        self.members: dict[str, list[RecordKey]] = {}
        for key, person in self.person.items():
            self.members.setdefault(person, []).append(key)

    def first(self, case: str, wanted: pa.ChunkedArray, note: Callable[[RecordKey], str]) -> Iterator[LookUp]:
        """The wanted record whose person has most records under the most different names."""
        keys = [key for key, is_wanted in zip(_keys(self.records), wanted.to_pylist(), strict=True) if is_wanted]
        linked = [key for key in keys if len(self.members.get(self.person.get(key, ""), ())) > 1]
        if linked:
            asked = max(linked, key=self._worth_showing)
            yield self._look_up(case, asked, note(asked))

    def _worth_showing(self, key: RecordKey) -> tuple[bool, int, int, RecordKey]:
        members = self.members[self.person[key]]
        others = {self.name(member) for member in members} - {self.name(key)}
        return self._spans_adoption(key), min(len(others), 3), -abs(len(members) - 4), key

    def _spans_adoption(self, key: RecordKey) -> bool:
        adopted_before = self.truth["adopted_before_record"]
        return len({adopted_before[self.row[member]].as_py() for member in self.members[self.person[key]]}) > 1

    def _look_up(self, case: str, asked: RecordKey, note: str) -> LookUp:
        members = sorted(self.members[self.person[asked]], key=lambda key: (key != asked, key))
        matched, why = self._clearest_match(asked, members[1:])
        return LookUp(
            case=case,
            asked=asked,
            asked_name=self.name(asked),
            person_id=self.person[asked],
            records=tuple((key, self.name(key)) for key in members),
            matched=matched,
            why=why,
            note=note,
        )

    def _clearest_match(self, asked: RecordKey, others: list[RecordKey]) -> tuple[RecordKey, PairReasons]:
        """Of the records under another name (of all, if there are none) the one that matches best."""
        under_other_names = [key for key in others if self.name(key) != self.name(asked)] or others
        row = self.normalised_row
        weighed = [
            (key, pair_reasons(self.normalised, row[asked], row[key], self.model)) for key in under_other_names[:3]
        ]
        return max(weighed, key=lambda each: each[1].weight)

    def name(self, key: RecordKey) -> str:
        row = self.row[key]
        return " ".join(self.records[column][row].as_py() or "–" for column in ("first_name", "last_name"))

    def note_on_twin(self, asked: RecordKey) -> str:
        """Whether the twin, of the same birth date and address, is kept apart."""
        truth = self.truth
        row = self.row[asked]
        group, me = truth["twin_group"][row], truth["person"][row]
        of_twin = pc.and_(pc.equal(truth["twin_group"], group), pc.not_equal(truth["person"], me))
        twins = [key for key, is_twin in zip(_keys(self.records), of_twin.to_pylist(), strict=True) if is_twin]
        mixed = any(self.person.get(key) == self.person[asked] for key in twins)
        if not twins:
            return "The twin is in no system."
        return f"The twin ({self.name(twins[0])}) is {'NOT kept apart' if mixed else 'another person'}."

    def note_on_adoption(self, asked: RecordKey) -> str:
        """Whether records from before and after the adoption are one person here."""
        if self._spans_adoption(asked):
            return "Records from before and after the adoption are one person."
        return "All records shown are from after the adoption."


def _keys(table: pa.Table) -> list[RecordKey]:
    return list(zip(table["source"].to_pylist(), table["source_record_id"].to_pylist(), strict=True))
