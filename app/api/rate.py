"""How often each caller may ask: a token bucket for each, of which there are only so many."""

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_CALLERS = 10_000
"""Callers that are remembered. Whoever has more addresses than this would not be held by a limit
on each; the memory that they could take is."""


class RateLimit:
    """`per_minute` requests of each caller, all at once or spread over the minute.

    A bucket is one number, the time at which it will be full again (the generic cell rate
    algorithm), and is forgotten when it is.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60 / per_minute
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Callers that are remembered."""
        return len(self._full_at)

    def wait(self, caller: str) -> float:
        """Takes a token and returns 0; or the seconds until there is one to be had."""
        now = self._clock()
        full_at = max(now, self._full_at.get(caller, now)) + self._interval
        early = full_at - now - 60
        if early > 1e-6:
            return early
        self._full_at[caller] = full_at
        self._full_at.move_to_end(caller)
        self._forget(now)
        return 0

    def _forget(self, now: float) -> None:
        """The callers that asked least recently, if their buckets are full or they are too many."""
        while len(self._full_at) > MAX_CALLERS or next(iter(self._full_at.values())) <= now:
            self._full_at.popitem(last=False)
