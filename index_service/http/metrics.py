"""What the service counts and times, for Prometheus. No label holds a value of a person, an id or a caller's word.

With several worker processes each writes its figures to files of a folder that they share (PROMETHEUS_MULTIPROC_DIR,
set by `serve` before anything here is imported), and whichever answers /metrics adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as _generate
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OUTCOMES = frozenset(
    {
        *("certain", "probable", "possible", "nobody"),
        *("link", "review", "no_link"),
        *("created", "joined", "joined_persons", "moved", "split", "kept", "unchanged", "outdated", "withdrawn"),
        *("unknown", "waits_for_review"),
        *("same", "different", "undone"),
    }
)
_OTHER = "other"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_NUMBERS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)

_requests = Counter(
    "person_index_requests", "Requests answered; 499: the caller hung up first.", ["method", "route", "status"]
)
_latency = Histogram(
    "person_index_request_seconds", "From the first byte of a request to its answer.", ["route"], buckets=_SECONDS
)
_under_way = Gauge("person_index_requests_under_way", "Requests under way.", multiprocess_mode="livesum")
_candidates = Histogram(
    "person_index_candidates", "Records that a question or an arriving record is compared with.", buckets=_NUMBERS
)
_decisions = Counter("person_index_decisions", "Decisions by outcome.", ["outcome"])
_put_off = Counter(
    "person_index_records_put_off",
    "Records written that wait for the next relink: too many records share a blocking key of theirs (outgrown_key), or "
    "too many are touched (large_scope).",
    ["reason"],
)
_cut = Counter(
    "person_index_records_cut",
    "Records written whose component is above the policy's cap and was cut at higher thresholds.",
)
_broken_glass = Counter("person_index_broken_glass", "Times that a user broke the glass.")
_webhook_attempts = Counter("person_index_webhook_attempts", "Attempts to deliver a message, by outcome.", ["outcome"])
_stages = Histogram("person_index_stage_seconds", "Seconds by stage of the work.", ["stage"], buckets=_SECONDS)
_connections = Gauge(
    "person_index_pool_connections", "Connections to the database that are lent out.", multiprocess_mode="livesum"
)
_exhausted = Counter("person_index_pool_exhausted", "Requests refused because no connection came free in time.")
_connection_wait = Histogram("person_index_pool_wait_seconds", "Waiting for a connection.", buckets=_SECONDS)
_writes_waiting = Gauge("person_index_writes_waiting", "Writes that wait for their turn.", multiprocess_mode="livesum")
_turn_writes = Histogram("person_index_write_turn_writes", "Writes handled in one turn.", buckets=_NUMBERS)


def observe_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """A request was answered. The route is its template; a request that fits none is counted under `unmatched`."""
    counter, histogram = _of_route(method if method in _METHODS else _OTHER, route or "unmatched", status)
    counter.inc()
    histogram.observe(seconds)


@cache
def _of_route(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Finding a metric by its labels costs more than counting."""
    return _requests.labels(method, route, str(status)), _latency.labels(route)


@contextmanager
def request_under_way() -> Iterator[None]:
    """A request is under way inside this block."""
    with _under_way.track_inprogress():
        yield


def observe_candidates(count: int) -> None:
    """A question, or an arriving record, was compared with so many records."""
    _candidates.observe(count)


def count_decision(outcome: str, times: int = 1) -> None:
    """A record or a question was decided; an outcome that is no word of ours counts as `other`."""
    _decisions.labels(outcome if outcome in _OUTCOMES else _OTHER).inc(times)


def count_broken_glass() -> None:
    """A user broke the glass: somebody should be told of it."""
    _broken_glass.inc()


def count_webhook_attempt(outcome: str) -> None:
    """A message was posted to a receiver; `outcome` is a word of ours."""
    _webhook_attempts.labels(outcome).inc()


def count_put_off(reason: str) -> None:
    """A record that was written waits for the next relink; `reason` is a word of ours."""
    _put_off.labels(reason).inc()


def count_cut() -> None:
    """The component of a record that was written was cut."""
    _cut.inc()


@contextmanager
def timed_stage(stage: str) -> Iterator[None]:
    """Time a stage of the work, named by a word of the program: `find candidates`, `weigh`, …"""
    began = perf_counter()
    try:
        yield
    finally:
        observe_stage(stage, perf_counter() - began)


def observe_stage(stage: str, seconds: float) -> None:
    """The same for seconds measured elsewhere."""
    _stages.labels(stage).observe(seconds)


@contextmanager
def connection_lent(waited_s: float) -> Iterator[None]:
    """A connection is lent out inside this block, after so long a wait."""
    _connection_wait.observe(waited_s)
    with _connections.track_inprogress():
        yield


def count_pool_exhausted() -> None:
    """A request was refused because no connection came free in time."""
    _exhausted.inc()


def set_writes_waiting(count: int) -> None:
    """So many writes of this process wait for their turn."""
    _writes_waiting.set(count)


def observe_write_turn(writes: int) -> None:
    """So many writes were handled in one turn."""
    _turn_writes.observe(writes)


def exposition() -> bytes:
    """All figures as Prometheus reads them, of all worker processes together."""
    return _generate(_registry())


def forget_process(pid: int) -> None:
    """A worker process has ended: what it had under way counts no longer."""
    if FOLDER_VARIABLE in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _registry() -> CollectorRegistry:
    if FOLDER_VARIABLE not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
