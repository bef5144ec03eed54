"""Linking on Spark beside linking in one process: the same records, shipped model and policy; what it takes.

Run as `make bench-spark [ARGS="--records 20000 --records 100000"]`. Each engine is a process of its own. The results
are compared pair by pair and record by record; what differs makes the run fail. Reported are the seconds of each stage,
what it wrote, what Spark shuffled for it, and what the driver and the largest worker held: the figures from which
docs/scaling.md calculates.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.circumstances import machine, write_result
from benchmarks.measured import must, run_phase, say, working_folder
from benchmarks.memory import INTERVAL_S, MEGABYTE, python, watched

RESULT = Path(__file__).parent / "results" / "spark.json"
TOLERANCE_BITS = 1e-9
MEMORY_GB = 4.0
SIZES = (20_000, 100_000)
ENGINES = ("here", "spark")
PACKAGES = ("duckdb", "numpy", "pyarrow", "pyspark", "splink")
METRICS = {
    "shuffle_bytes": "internal.metrics.shuffle.write.bytesWritten",
    "shuffle_rows": "internal.metrics.shuffle.write.recordsWritten",
    "spilled_bytes": "internal.metrics.diskBytesSpilled",
    "worker_ms": "internal.metrics.executorRunTime",
    "java_ns": "internal.metrics.executorCpuTime",
}
STAGE_FILES = {
    "write extract": "extract",
    "prepare": "records",
    "find candidates": "candidates",
    "weigh candidates": "weighed",
    "form persons": "found",
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    records: Annotated[
        list[int] | None, typer.Option(help="Synthetic records, about (repeat for several sizes).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the synthetic population.")] = 0,
    master: Annotated[str, typer.Option(help="Spark's master.")] = "local[2]",
    folder: Annotated[Path | None, typer.Option(help="Where to work; a temporary folder by default.")] = None,
    out: Annotated[Path, typer.Option(help="The JSON to write.")] = RESULT,
) -> None:
    """Link about so many records both ways, compare, and say what it took."""
    if context.invoked_subcommand is not None:
        return
    console, sizes = Console(), dict[int, dict[str, Any]]()
    for size in records or SIZES:
        with working_folder(folder) as work:
            sizes[size] = _measured(work, size, seed, master, console)
        console.print(
            _table(sizes[size]["engines"], master), f"compared: {json.dumps(sizes[size]['compared'])}", sep="\n"
        )
        write_result(
            out,
            {
                "machine": machine(),
                "master": master,
                "measured_on": time.strftime("%Y-%m-%d"),
                "memory_gb": MEMORY_GB,
                "seed": seed,
                "sizes": sizes,
                "versions": {name: version(name) for name in PACKAGES},
            },
        )
    console.print(f"written: {out}")
    if not all(measured["compared"]["equal"] for measured in sizes.values()):
        raise SystemExit("The two engines differ.")


def _measured(work: Path, size: int, seed: int, master: str, console: Console) -> dict[str, Any]:
    """Link about so many records with each engine, and compare."""
    for name, arguments in (("extracts", (str(size), str(seed))), ("normalise", ())):
        must(run_phase(name, work, *arguments))
        say(console, name)
    engines = {}
    for engine in ENGINES:
        linking = python("-m", "benchmarks.spark", "link", engine, str(work), "--master", master)
        ran = watched(linking, environment=os.environ)
        engines[engine] = {**must(ran), "elapsed_s": ran.elapsed_s, "peak_mb": ran.peak_mb}
        say(console, f"linked: {engine}")
    return {"compared": compare(work), "engines": engines}


@app.command()
def link(engine: str, work: Path, master: str = "local[2]") -> None:
    """Link the records of the folder with one engine and note what was found; prints its figures as JSON."""
    from config.policy import load_policy
    from index_service.models import read_model

    records, model, policy = pq.read_table(work / "normalised.parquet"), read_model(), load_policy()
    progress = _Moments()
    started, worked = time.perf_counter(), time.process_time()
    figures: dict[str, Any] = {"records": records.num_rows, "arrow_bytes": records.nbytes}
    workers = _Workers()
    workers.start()
    if engine == "spark":
        result, more = _on_spark(records, model, policy, work, master, progress)
        figures |= more
    else:
        from linkage.pipeline import link as link_here

        result = link_here(records, model, policy, progress=progress, memory_limit_gb=MEMORY_GB)
    figures |= {
        "seconds": time.perf_counter() - started,
        "processor_s": time.process_time() - worked,
        "stages_s": dict(result.timings),
        "candidate_pairs": result.candidate_pairs,
        "pairs_in_components": len(result.pairs),
        "persons": len(np.unique(result.cluster)),
        "driver_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "largest_worker_mb": workers.largest / MEGABYTE,
        "oversized_keys": len(result.oversized_keys),
    }
    pairs = result.pairs
    pairs = pairs.where(np.lexsort((np.maximum(pairs.left, pairs.right), np.minimum(pairs.left, pairs.right))))
    np.savez(
        work / f"{engine}.npz",
        cluster=result.cluster,
        component=result.component,
        probability=result.probability,
        low=np.minimum(pairs.left, pairs.right),
        high=np.maximum(pairs.left, pairs.right),
        levels=pairs.levels,
        weight=pairs.weight,
        oversized=np.array(sorted(key.key for key in result.oversized_keys), dtype=np.int64),
    )
    print(json.dumps(figures))


def _on_spark(records: Any, model: Any, policy: Any, work: Path, master: str, progress: _Moments) -> tuple[Any, Any]:
    from index_service.spark_session import SparkOptions, spark_workspace
    from linkage.spark.pipeline import link_on_spark

    events, settings, shared = (work / name for name in ("events", "settings", "shared"))
    for made in (events, settings, shared):
        made.mkdir()
    (settings / "spark-defaults.conf").write_text(
        f"spark.eventLog.enabled true\nspark.eventLog.dir {events.as_uri()}\nspark.eventLog.compress false\n"
        "spark.eventLog.rolling.enabled false\n",
        encoding="utf-8",
    )
    os.environ["SPARK_CONF_DIR"] = str(settings)
    progress("start Spark")
    with spark_workspace(SparkOptions(master, shared), MEMORY_GB) as workspace:
        result = link_on_spark(records, model, policy, workspace=workspace, progress=progress)
        progress("done")
        written = {stage: workspace.bytes_in(name) for stage, name in STAGE_FILES.items()}
        blocks = pq.read_table(workspace.path("blocks"), columns=["bearers"])["bearers"]
        sizes = np.array([len(each) for each in blocks.to_pylist()], dtype=np.int64)
    kept = sizes[sizes <= policy.max_block_records]
    return result, {
        "written_bytes": written,
        "pairs_of_rules": int((kept * (kept - 1) // 2).sum()),
        "by_stage": _by_stage(events, progress.moments),
    }


class _Workers(threading.Thread):
    """Looks how much the largest of Spark's Python processes holds, in bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest = 0

    def run(self) -> None:
        while True:
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    if process.name().startswith("python"):
                        self.largest = max(self.largest, process.memory_info().rss)
            time.sleep(INTERVAL_S)


@dataclass(slots=True)
class _Moments:
    """When each stage began, by the clock."""

    moments: list[tuple[float, str]] = field(default_factory=list)

    def __call__(self, stage: str) -> None:
        self.moments.append((time.time(), stage))
        print(f"{time.strftime('%H:%M:%S')} {stage}", file=sys.stderr)


def _by_stage(events: Path, moments: list[tuple[float, str]]) -> dict[str, dict[str, float]]:
    """What Spark's own log counts, added up by the stage of linking in which its work was begun."""
    begins = np.array([moment for moment, _ in moments])
    found: dict[str, dict[str, float]] = {stage: dict.fromkeys(METRICS, 0.0) for _, stage in moments}
    for log in events.iterdir():
        for line in log.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event["Event"] != "SparkListenerStageCompleted":
                continue
            info = event["Stage Info"]
            begun = info.get("Submission Time", 0) / 1000
            stage = moments[max(0, int(np.searchsorted(begins, begun)) - 1)][1]
            counted = {each["Name"]: each.get("Value", 0) for each in info["Accumulables"]}
            for name, metric in METRICS.items():
                found[stage][name] += float(counted.get(metric, 0))
    return found


def compare(work: Path) -> dict[str, Any]:
    """Whether both engines found the same, and how far weights are apart."""
    with np.load(work / "here.npz") as here, np.load(work / "spark.npz") as spark:
        same = {name: bool(np.array_equal(here[name], spark[name])) for name in ("cluster", "component", "oversized")}
        pairs = all(np.array_equal(here[name], spark[name]) for name in ("low", "high"))
        levels = pairs and bool(np.array_equal(here["levels"], spark["levels"]))
        apart = _apart(here["weight"], spark["weight"]) if pairs else None
        unlike = _apart(here["probability"], spark["probability"])
        found = {**same, "pairs": pairs, "levels": levels, "most_bits_apart": apart, "most_probability_apart": unlike}
    equal = all((*same.values(), pairs, levels)) and apart is not None and apart <= TOLERANCE_BITS
    return {**found, "equal": equal}


def _apart(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    return float(np.abs(left - right).max(initial=0.0))


def _table(engines: Mapping[str, Any], master: str) -> Table:
    here, spark = (engines[engine] for engine in ENGINES)
    records = spark["records"]
    table = Table(title=f"{records:,} records on Spark, {master}; bytes for each record")
    for heading in ("stage", "seconds", "worker s", "written", "shuffled", "rows shuffled", "spilled"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage, counted in spark["by_stage"].items():
        table.add_row(
            stage,
            f"{spark['stages_s'].get(stage, 0.0):,.1f}",
            f"{counted['worker_ms'] / 1000:,.1f}",
            f"{spark['written_bytes'].get(stage, 0) / records:,.0f}",
            f"{counted['shuffle_bytes'] / records:,.0f}",
            f"{counted['shuffle_rows'] / records:,.1f}",
            f"{counted['spilled_bytes'] / records:,.0f}",
        )
    table.caption = (
        f"Spark {spark['seconds']:,.0f} s, {spark['peak_mb']:,.0f} MB; in one process {here['seconds']:,.0f} s, "
        f"{here['peak_mb']:,.0f} MB; {spark['candidate_pairs']:,} candidate pairs"
    )
    return table


if __name__ == "__main__":
    app()
