"""Generated agreements, small enough that their clauses meet each other."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from config.agreements import Agreement, BreakGlass, Conditions, Denial, Grant, Recipient
from config.purposes import load_purposes
from config.sources import load_sources

SOURCES = load_sources()
PURPOSES = load_purposes()
CLIENTS = ("pmap", "school")
SOURCE_NAMES = ("cws_cms", "csi", "meds", "calpads")
ACTIONS = ("pointers", "events")
CODES = ("TREAT", "COC", "COURT")
ATTRIBUTES = ("first_name", "cin")
DAYS = (date(2026, 1, 1), date(2026, 6, 30), date(2026, 12, 31))


def some(values: tuple[str, ...], at_least: int = 1) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=at_least, max_size=3, unique=True).map(tuple)


conditions = st.builds(
    Conditions,
    on_file=some(("consent", "court_order"), 0),
    relationships=some(("assigned_worker", "caregiver"), 0),
    legal_responsibility=st.booleans(),
)
grants = st.builds(
    Grant,
    name=st.just("grant"),
    sources=some(SOURCE_NAMES),
    actions=some(ACTIONS),
    purposes=st.just(()),
    attributes=some(ATTRIBUTES, 0),
    conditions=conditions,
    max_confidentiality=st.sampled_from(("N", "R")),
    denied_sensitivities=some(("BH", "JUVENILE"), 0),
    break_glass=st.booleans(),
)
denials = st.builds(
    Denial,
    name=st.just("denial"),
    sources=some(SOURCE_NAMES),
    sensitivities=some(("BH", "SUD"), 0),
    actions=some(ACTIONS),
    purposes=some(CODES, 0),
    attributes=some(ATTRIBUTES, 0),
    because=st.just("it is so"),
)


@st.composite
def agreements(draw: st.DrawFn, number: int = 0) -> Agreement:
    """An agreement with up to three grants and two denials."""
    first, last = sorted(draw(st.lists(st.sampled_from(DAYS), min_size=2, max_size=2)))
    granted = draw(st.lists(grants, min_size=1, max_size=3))
    denied = draw(st.lists(denials, max_size=2))
    return Agreement(
        id=f"agreement_{number}",
        version=1,
        title="Generated",
        summary="Generated",
        disclosing=("A department",),
        recipient=Recipient(name="Another department"),
        clients=draw(some(CLIENTS)),
        legal_basis=("WIC 827",),
        from_date=first,
        until_date=last,
        purposes=(*draw(some(CODES)), "BTG"),
        grants=tuple(each.model_copy(update={"name": f"grant_{place}"}) for place, each in enumerate(granted)),
        denials=tuple(each.model_copy(update={"name": f"denial_{place}"}) for place, each in enumerate(denied)),
        break_glass=BreakGlass(lasts_minutes=60, review_within_hours=24, alerts=("officer",)),
    )


several = st.integers(1, 3).flatmap(lambda count: st.tuples(*(agreements(number) for number in range(count))))
