"""How often somebody may ask, counted in this process: with several processes, each allows as much."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass

from index_service.access.key_sets import Clock

MOST_COUNTED = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class TokenBuckets:
    """A bucket for each name: it holds so many tokens at most and fills at a steady rate; each request takes one.

    Names that have not been seen for longest are forgotten, which fills their buckets.
    """

    def __init__(self, clock: Clock = time.monotonic, room: int = MOST_COUNTED) -> None:
        self._clock = clock
        self._room = room
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str, *, per_second: float, at_most: float) -> int:
        """Take a token: 0 if there was one, else the whole seconds until there will be one."""
        waiting_s = self.wait(name, per_second=per_second, at_most=at_most)
        if waiting_s == 0:
            self._buckets[name].tokens -= 1
        return waiting_s

    def wait(self, name: str, *, per_second: float, at_most: float) -> int:
        """The whole seconds until there will be a token; 0 if there is one. Takes none."""
        bucket = self._filled(name, per_second, at_most)
        return 0 if bucket.tokens >= 1 else max(1, math.ceil((1 - bucket.tokens) / per_second))

    def _filled(self, name: str, per_second: float, at_most: float) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(name, _Bucket(at_most, now))
        bucket.tokens = min(at_most, bucket.tokens + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._room:
            self._buckets.popitem(last=False)
        return bucket
