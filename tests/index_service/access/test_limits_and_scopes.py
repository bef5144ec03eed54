"""How often one may ask; and which scope includes which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_service.access.limits import TokenBuckets
from index_service.access.scopes import OURS, covers, is_scope, split

SMART = st.builds(
    "{}/{}.{}".format,
    st.sampled_from(["system", "user", "patient"]),
    st.sampled_from(["*", "Patient", "AuditEvent"]),
    st.sampled_from(["c", "r", "s", "rs", "cud", "cruds", "read", "write", "*"]),
)


@given(
    st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=80),
    st.floats(0.1, 20),
    st.integers(1, 10),
)
def test_in_any_time_no_more_than_the_rate_and_the_burst_get_through(
    pauses: list[float], per_second: float, burst: int
) -> None:
    now = [0.0]
    buckets = TokenBuckets(lambda: now[0])
    through = []
    for pause in pauses:
        now[0] += pause
        if buckets.take("county", per_second=per_second, at_most=burst) == 0:
            through.append(now[0])
    for first in range(len(through)):
        for last in range(first, len(through)):
            assert last - first + 1 <= burst + (through[last] - through[first]) * per_second + 1e-6


@given(st.floats(0.01, 50), st.integers(1, 10))
def test_who_waits_as_told_gets_through(per_second: float, burst: int) -> None:
    now = [0.0]
    buckets = TokenBuckets(lambda: now[0])
    for _ in range(burst):
        assert buckets.take("county", per_second=per_second, at_most=burst) == 0
    waiting_s = buckets.take("county", per_second=per_second, at_most=burst)
    assert waiting_s >= 1
    now[0] += waiting_s
    assert buckets.take("county", per_second=per_second, at_most=burst) == 0


def test_each_has_a_bucket_of_its_own_and_looking_takes_nothing() -> None:
    buckets = TokenBuckets(lambda: 0.0)
    for _ in range(3):
        assert buckets.wait("one", per_second=1, at_most=1) == 0
    assert buckets.take("one", per_second=1, at_most=1) == 0
    assert buckets.take("one", per_second=1, at_most=1) == 1
    assert buckets.take("two", per_second=1, at_most=1) == 0


def test_the_number_of_buckets_is_bounded() -> None:
    buckets = TokenBuckets(lambda: 0.0, room=3)
    for number in range(10):
        buckets.take(str(number), per_second=1, at_most=1)
    assert len(buckets._buckets) == 3


@pytest.mark.parametrize(
    ("granted", "wanted", "allowed"),
    [
        ("index/read", "index/read", True),
        ("index/read", "index/write", False),
        ("system/*.rs", "system/Patient.rs", True),
        ("system/Patient.rs", "system/Patient.r", True),
        ("system/Patient.read", "system/Patient.rs", True),
        ("system/Patient.*", "system/Patient.cud", True),
        ("system/Patient.r", "system/Patient.rs", False),
        ("system/Patient.rs", "system/*.rs", False),
        ("user/Patient.rs", "system/Patient.rs", False),
        ("system/Patient.rs", "index/read", False),
        ("system/*.cruds", "index/read", False),
    ],
)
def test_what_a_scope_allows(granted: str, wanted: str, allowed: bool) -> None:
    assert covers({granted}, wanted) is allowed


@given(SMART, SMART, SMART)
def test_including_is_transitive(first: str, second: str, third: str) -> None:
    assert covers({first}, first)
    if covers({first}, second) and covers({second}, third):
        assert covers({first}, third)


NO_SCOPES = [
    *("", "everything", "index/", "launch", "SYSTEM/Patient.rs", "system/patient.rs"),
    *("system/Patient", "system/Patient.", "system/Patient.sr", "system/Patient.x"),
]


@pytest.mark.parametrize("text", NO_SCOPES)
def test_what_is_no_scope(text: str) -> None:
    assert not is_scope(text)


def test_our_scopes_are_scopes_and_explained() -> None:
    assert all(is_scope(scope) and meaning for scope, meaning in OURS.items())
    assert split(" index/read  index/write index/read ") == ("index/read", "index/write")
