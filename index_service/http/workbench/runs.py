"""The pages of relinks: what each would change or changed, with examples, weights, and what needed acceptance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.links import persons_in_words
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import Somebody
from index_service.http.workbench.plain_words import EVENTS_OF_RUN, RUN_ENDS, RUN_KINDS
from index_service.http.workbench.timeline import told
from index_service.store import workbench as store
from index_service.store.overview import night_page, night_pages
from index_service.store.workbench import Run

router = APIRouter()
_RUNS_A_PAGE = 30
_REPORTS_LISTED = 14
_EXAMPLES = 5
_CHANGES = ("created", "joined", "split", "moved", "retired", "added", "removed")
_BAR_WIDE = 320.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram: from how many bits on, how many, and how wide it is drawn."""

    bits: int
    records: int
    wide: float


@dataclass(frozen=True, slots=True)
class Changes:
    """One kind of change: its name, how many, and a few examples in words."""

    title: str
    total: int
    examples: tuple[Markup, ...]


@router.get("/runs")
def read_runs(request: Request, desk: DeskDep, who: Somebody, before: int = 0) -> Response:
    """Relinks, the newest first."""
    with desk.connect() as conn:
        runs = store.runs(conn, _RUNS_A_PAGE + 1, before=before or None)
        reports = night_pages(conn, _REPORTS_LISTED)
    more = len(runs) > _RUNS_A_PAGE
    return page(
        request,
        "runs.html",
        who=who,
        runs=runs[:_RUNS_A_PAGE],
        reports=reports,
        older=runs[_RUNS_A_PAGE - 1].run_id if more else None,
        kinds=RUN_KINDS,
        ends=RUN_ENDS,
        changed=changed,
        seconds=seconds,
    )


@router.get("/runs/nights/{night_id}")
def read_night_report(desk: DeskDep, _who: Somebody, night_id: int) -> Response:
    """The report of a night as the operator got it: a file to keep, since it brings its own styles."""
    with desk.connect() as conn:
        html = night_page(conn, night_id)
    if html is None:
        raise HTTPException(404)
    name = f'attachment; filename="night-{night_id}.html"'
    return Response(html, media_type="text/html", headers={"Content-Disposition": name})


@router.get("/runs/{run_id}")
def read_run(request: Request, desk: DeskDep, who: Somebody, run_id: int) -> Response:
    """One run."""
    with desk.connect() as conn:
        run = store.run(conn, run_id)
        if run is None:
            raise HTTPException(404)
        changes = store.examples_of_run(conn, run_id, _EXAMPLES)
        weights, alone = store.weights_of_run(conn, run_id)
        asked = store.questions_of_run(conn, run_id)
    return page(
        request,
        "run.html",
        who=who,
        run=run,
        kind=RUN_KINDS[run.kind],
        ending=RUN_ENDS[run.status],
        counts=[(_COUNTED[name], run.counts[name]) for name in _COUNTED if name in run.counts],
        changes=[
            Changes(
                EVENTS_OF_RUN[kind.kind][0],
                kind.total,
                tuple(told(event, EVENTS_OF_RUN[kind.kind][1]) for event in kind.events),
            )
            for kind in changes
        ],
        histogram=histogram(weights),
        alone=alone,
        questions=histogram(asked),
        policy=run.policy,
        seconds=seconds,
        acceptance=acceptance(run),
        over_budget=run.counts.get("over_budget", []),
        proposed=proposed(run),
    )


_COUNTED = {
    "created": "Persons created",
    "joined": "Persons that others joined",
    "split": "Persons split",
    "moved": "Records moved",
    "retired": "Ids retired",
    "added": "Records added",
    "removed": "Records withdrawn",
    "questions": "Questions to stewards",
    "candidate_pairs": "Candidate pairs compared",
    "oversized_components": "Groups too large, cut",
    "oversized_keys": "Blocking keys left out",
    "put_off": "Records that came meanwhile and wait",
}


def changed(run: Run) -> int:
    """How many changes a run published or would have."""
    return sum(int(run.counts.get(name, 0)) for name in _CHANGES)


def seconds(run: Run) -> float | None:
    """How long a run took; None while it runs."""
    return None if run.finished_at is None else (run.finished_at - run.started_at).total_seconds()


def acceptance(run: Run) -> str:
    """Whether somebody has to accept the run, in a sentence."""
    share = run.policy.get("max_share_of_persons_changed")
    bound = f"{share:.1%}" if isinstance(share, float | int) else "a part"
    match run.status:
        case "waiting":
            return "It would change more than the policy lets pass, so nothing was published and it waits."
        case "undone":
            return "It was published, and undone later: the persons before it hold again."
        case "replaced":
            return "It would have changed more than the policy lets pass. It waited, until a later run took its place."
        case "rejected":
            return "It would have changed more than the policy lets pass, and was rejected. Nothing was published."
        case "failed":
            return "It ended before anything was published. The log says why."
        case "dry_run":
            return "This run only looked. Nothing was published, and nothing waits to be accepted."
        case _:
            return (
                f"The policy lets a relink change {bound} of all persons by itself; beyond that it has to be accepted."
            )


def proposed(run: Run) -> list[tuple[str, list[Markup]]]:
    """Of a run that waits: the largest changes of each kind."""
    found: dict[str, list[Markup]] = {}
    for example in run.counts.get("examples", []):
        records = example["records"]
        noun = "record" if records == 1 else "records"
        sentence = Markup("{}: {} {}").format(persons_in_words(example["persons"]), records, noun)
        found.setdefault(EVENTS_OF_RUN[example["kind"]][0], []).append(sentence)
    return list(found.items())


def histogram(counts: Mapping[int, int]) -> list[Bar]:
    """Bars from the lowest to the highest weight in steps of two bits, drawn on the scale of the square root."""
    if not counts:
        return []
    steps: dict[int, int] = {}
    for bits, count in counts.items():
        steps[bits // 2 * 2] = steps.get(bits // 2 * 2, 0) + count
    longest = max(steps.values()) ** 0.5
    return [
        Bar(bits, steps.get(bits, 0), round(_BAR_WIDE * steps.get(bits, 0) ** 0.5 / longest, 1))
        for bits in range(max(steps), min(steps) - 1, -2)
    ]
