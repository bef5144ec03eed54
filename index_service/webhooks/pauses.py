"""How long to wait after an attempt in vain: longer each time, and not for ever."""

from __future__ import annotations

import random
from dataclasses import dataclass

from index_service.webhooks.posting import Outcome, Verdict

AWAY_S = (5, 30, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Where nobody receives: over three days in all. Then the webhook is switched off, and stays where it is."""

REFUSED_S = (5, 30, 120, 600, 1800)
"""Where a message is refused: over forty minutes. Then it becomes a dead letter, and the next one is sent."""

SPREAD = 0.1
"""So much longer at random, lest many come back at one moment."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How often in a row nobody received, and how often this message was refused."""

    failures: int
    refusals: int


def tried_again(before: Tried, outcome: Outcome) -> Tried:
    """The count after another attempt in vain; a receiver that refuses is there."""
    if outcome.verdict is Verdict.REFUSED:
        return Tried(0, before.refusals + 1)
    return Tried(before.failures + 1, before.refusals)


def pause_s(tried: Tried, outcome: Outcome) -> float | None:
    """Seconds until the next attempt; None: there is none."""
    pauses, times = (REFUSED_S, tried.refusals) if outcome.verdict is Verdict.REFUSED else (AWAY_S, tried.failures)
    if outcome.verdict is Verdict.GONE or times > len(pauses):
        return None
    spread = random.uniform(1, 1 + SPREAD)  # noqa: S311 - no secret
    return max(pauses[times - 1] * spread, outcome.wait_s)
