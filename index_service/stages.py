"""How long work reports where it stands: by stage, as a share done, and how many records that is."""

from __future__ import annotations

import time
from typing import Protocol


class Advance(Protocol):
    """Told the stage under way and the share of it that is done, 0 to 1.

    `done` is how many records that is, where the stage goes through records.
    """

    def __call__(self, stage: str, share: float, *, done: int = 0) -> None: ...


def unwatched(stage: str, share: float, *, done: int = 0) -> None:
    """For when nobody watches."""


class StageByStage:
    """Turns "now comes this stage" into shares: a stage is done when the next begins or all are done.

    Attributes:
        records: how many records the stages go through, once that is known.
        seconds: how long each stage that is done took; together, all the time from the first to the last.
    """

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._stage, self._began = "", 0.0
        self.records = 0
        self.seconds: dict[str, float] = {}

    def __call__(self, stage: str) -> None:
        self.done()
        self._stage, self._began = stage, time.perf_counter()
        self._advance(stage.capitalize(), 0.0)

    def done(self) -> None:
        if self._stage:
            took = time.perf_counter() - self._began
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + took
            self._advance(self._stage.capitalize(), 1.0, done=self.records)
            self._stage = ""
