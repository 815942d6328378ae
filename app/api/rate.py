"""The rate limit: a token bucket per caller, for a bounded number of callers."""

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_CALLERS = 10_000
"""Callers that are remembered, which bounds the memory. Somebody with more addresses than this
could evade the limit.
"""


class RateLimit:
    """A limit of `per_minute` requests per caller, all at once or spread over the minute.

    A bucket is a single number, the time at which it will be full again (the generic cell rate
    algorithm), and is forgotten at that time.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60 / per_minute
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many callers are remembered."""
        return len(self._full_at)

    def wait(self, caller: str) -> float:
        """Take a token and return 0, or return the seconds until one is available."""
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
        """Forget the callers idle for longest whose buckets are full, or if there are too many."""
        while len(self._full_at) > MAX_CALLERS or next(iter(self._full_at.values())) <= now:
            self._full_at.popitem(last=False)
