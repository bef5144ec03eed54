"""Whether *forbidden* and *absent* can be told apart by time: pairs of answers, one table, one JSON.

Run as `python -m benchmarks.telling_apart [--pairs 1000]`; `make prove-disclosure` runs it last.

Two databases differ only in records of sources that the caller's agreement forbids. `person-index serve` runs on each.
One after the other, in an order drawn anew each time, the same question goes to both over loopback (*with them or
without*), and two questions go to the first: about a forbidden record, and about one that nobody has (*forbidden or
absent*).
What counts is in how many pairs the first took longer: half, if time tells nothing. The interval is Wilson's at 99 %.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.circumstances import machine, versions, write_result
from benchmarks.serving import connected, database_server, keys_in, serving
from index_service.access.scopes import OURS
from index_service.client_tokens import ClientTokens
from index_service.disclosure.clauses import clauses_of
from index_service.store.agreements import apply_agreements
from index_service.store.migrate import migrate
from index_service.store.roles import grant_answering
from tests.index_service.access.minting import PURPOSES, UNLIMITED, mint_client
from tests.index_service.disclosure.generated import SOURCES
from tests.index_service.disclosure.test_nothing_told import agreements
from tests.index_service.disclosure.two_databases import FORBIDDEN, Population, fill, invent
from training.evaluation.estimates import wilson_bounds

RESULT = Path(__file__).parent / "results" / "telling_apart.json"
CALLER, PURPOSE = "strict", "TREAT"
WARM_UP = 50
TABLE_WIDTH = 120
Z_99 = 2.576
Question = Callable[[], httpx.Response]


@dataclass(frozen=True, slots=True)
class Told:
    """What times tell of one kind of question.

    Attributes:
        first_ms, second_ms: medians.
        first_longer: share of the pairs in which the first took longer.
        low, high: its interval.
        pairs_needed: so many pairs would tell the two apart nineteen times in twenty; None: half lies in the interval.
    """

    question: str
    pairs: int
    first_ms: float
    second_ms: float
    first_longer: float
    low: float
    high: float
    pairs_needed: int | None

    @classmethod
    def of(cls, question: str, times_s: list[tuple[float, float]]) -> Told:
        longer, count = sum(a > b for a, b in times_s), len(times_s)
        low, high = wilson_bounds(longer, count, Z_99)
        share = longer / count
        apart = not low <= 0.5 <= high
        return cls(
            question,
            count,
            median(a for a, _ in times_s) * 1e3,
            median(b for _, b in times_s) * 1e3,
            share,
            low,
            high,
            max(1, round((1.645 / (2 * abs(share - 0.5))) ** 2)) if apart else None,
        )


def run(
    pairs: Annotated[int, typer.Option(help="Pairs of answers for each kind of question.")] = 1_000,
    children: Annotated[int, typer.Option(help="Invented children in each database.")] = 300,
    seed: Annotated[int, typer.Option(help="Of the population and of the order.")] = 0,
    out: Annotated[Path, typer.Option("--json", help="The JSON to write.")] = RESULT,
) -> None:
    """Time pairs of answers that must not be told apart."""
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)  # the table is one, also in a log
    chance = random.Random(seed)  # noqa: S311 - an order, no secret
    population = invent(seed, children)
    told = []
    with two_services(population) as (with_them, without_them):
        for name, draw in kinds(population, with_them, without_them).items():
            drawn = (draw(chance) for _ in range(pairs + WARM_UP))
            times_s = [timed(*questions, chance) for questions in drawn]
            told.append(Told.of(name, times_s[WARM_UP:]))
    console.print(_table(told))
    result = {"children": children, "machine": machine(), "measured_on": time.strftime("%Y-%m-%d"), "seed": seed}
    write_result(out, {**result, "told": [asdict(each) for each in told], "versions": versions()})
    console.print(f"written: {out}")


def kinds(
    population: Population, with_them: httpx.Client, without_them: httpx.Client
) -> dict[str, Callable[[random.Random], tuple[Question, Question]]]:
    """By name: what draws two questions whose answers must take equally long."""
    keys, persons = sorted(population.values), population.persons
    forbidden = [key for key in keys if key[0] in FORBIDDEN]

    def to_both(method: str, path: str, body: object = None) -> tuple[Question, Question]:
        return _asking(with_them, method, path, body), _asking(without_them, method, path, body)

    def looked_up(chance: random.Random) -> tuple[Question, Question]:
        return to_both("GET", _person_of(*chance.choice(keys)))

    def person(chance: random.Random) -> tuple[Question, Question]:
        return to_both("GET", f"/v1/persons/{chance.choice(persons)}")

    def history(chance: random.Random) -> tuple[Question, Question]:
        return to_both("GET", f"/v1/persons/{chance.choice(persons)}/history")

    def resolved(chance: random.Random) -> tuple[Question, Question]:
        return to_both("POST", "/v1/resolve", {"fields": dict(population.values[chance.choice(keys)])})

    def events(_: random.Random) -> tuple[Question, Question]:
        return to_both("GET", "/v1/events?limit=100")

    def forbidden_or_absent(chance: random.Random) -> tuple[Question, Question]:
        source, record_id = chance.choice(forbidden)
        ids = (record_id, record_id[:-1] + "x")  # of one source and length; nobody has the second
        one, other = (_asking(with_them, "GET", _person_of(source, each)) for each in ids)
        return one, other

    return {
        "look-up, with them or without": looked_up,
        "person, with them or without": person,
        "history, with them or without": history,
        "resolve, with them or without": resolved,
        "events, with them or without": events,
        "look-up, forbidden or absent": forbidden_or_absent,
    }


def _person_of(source: str, record_id: str) -> str:
    return f"/v1/sources/{source}/records/{record_id}/person"


def _asking(client: httpx.Client, method: str, path: str, body: object = None) -> Question:
    return lambda: client.request(method, path, json=body)


def timed(first: Question, second: Question, chance: random.Random) -> tuple[float, float]:
    """Seconds of each, asked one after the other in an order drawn anew."""
    taken = [0.0, 0.0]
    for place in chance.sample((0, 1), 2):
        started = time.perf_counter()
        answer = (first, second)[place]()
        taken[place] = time.perf_counter() - started
        if answer.status_code not in (200, 404):
            raise SystemExit(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}")
    return taken[0], taken[1]


@contextmanager
def two_services(population: Population) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A service on each of two databases, and the caller's client of each; the first has the forbidden records."""
    with ExitStack() as stack:
        clients = []
        for with_forbidden in (True, False):
            work, url = stack.enter_context(empty_index())
            with connected(url) as conn:
                fill(conn, population, with_forbidden=with_forbidden)
                held = agreements()
                apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="to measure", who="benchmark")
                minted = mint_client(conn, CALLER, scopes=OURS, purposes=(PURPOSE,), limits=UNLIMITED)
                conn.execute("VACUUM (ANALYZE)")
            key = work / "key.json"
            key.touch(mode=0o600)
            key.write_text(json.dumps(minted.key.as_dict(private=True)), encoding="utf-8")
            port, _ = stack.enter_context(serving(url, work, 1))
            base = f"http://127.0.0.1:{port}"
            tokens = ClientTokens(base, CALLER, key, ["index/read", "index/resolve", "index/events"])
            clients.append(stack.enter_context(httpx.Client(base_url=base, auth=_Bearer(tokens))))
        yield clients[0], clients[1]


@contextmanager
def empty_index() -> Iterator[tuple[Path, str]]:
    """A folder, and a migrated database of an embedded server in it."""
    with tempfile.TemporaryDirectory(prefix="person-index-bench-") as folder:
        work = Path(folder)
        with keys_in(work), database_server(work) as server:
            with connected(server.url()) as conn:
                migrate(conn)
                grant_answering(conn)
            yield work, server.url()


class _Bearer(httpx.Auth):
    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        request.headers["X-Purpose-Of-Use"] = PURPOSE
        yield request


def _table(told: Sequence[Told]) -> Table:
    table = Table(title="Pairs of answers that must not be told apart")
    table.add_column("question")
    for heading in (
        "pairs",
        "first, ms",
        "second, ms",
        "first took longer",
        "99 % interval",
        "pairs to tell them apart",
    ):
        table.add_column(heading, justify="right")
    for each in told:
        needed = "cannot be" if each.pairs_needed is None else f"{each.pairs_needed:,}"
        interval = f"{each.low:.1%} to {each.high:.1%}"
        row = (f"{each.pairs:,}", f"{each.first_ms:.2f}", f"{each.second_ms:.2f}", f"{each.first_longer:.1%}", interval)
        table.add_row(each.question, *row, needed)
    return table


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(run)
    app()
