"""The queue of tiles: requests take turns, and tiles of the same kind share a batch."""

import time
from collections import deque

from app.imaging.tiling import Tile, cost
from app.inference.job import Job

Item = tuple[Job, Tile]


class Turns:
    """The requests that wait; to be used by one thread at a time.

    A batch has at most `batch_pixels`, halos included. A larger tile is a batch of its own, and one
    such is in progress at a time, which bounds the memory.
    """

    def __init__(self, batch_pixels: int) -> None:
        self.pixels = 0
        """Pixels of the tiles that wait or are being processed."""
        self._batch_pixels = batch_pixels
        self._jobs: deque[Job] = deque()
        self._running = 0
        self._large_running = False

    def __bool__(self) -> bool:
        """Whether any request has tiles that wait."""
        return bool(self._jobs)

    def add(self, job: Job) -> None:
        """Put a request behind the others."""
        self.pixels += job.pixels_left
        self._jobs.append(job)

    def take(self) -> list[Item]:
        """Take one tile of each request in turn, repeatedly, while they fit into a batch.

        Empty if there is no request, or only large tiles while one of them is in progress.
        """
        first = next((job for job in self._jobs if self._may_run(job)), None)
        if first is None:
            return []
        room = max(1, self._batch_pixels // first.tiles[0].size)
        batch: list[Item] = []
        kind = first.kind
        alike = list(self._jobs)
        while len(batch) < room:
            # the tiles of a volume are of several kinds, one after the other
            alike = [job for job in alike if job.tiles and job.kind == kind]
            if not alike:
                break
            batch += [(job, job.tiles.popleft()) for job in alike[: room - len(batch)]]
        self._to_the_end(batch)
        self._running += cost(tile for _, tile in batch)
        self._large_running |= self._is_large(batch[0][1])
        now = time.monotonic()
        for job, _ in batch:
            job.started = job.started or now
        return batch

    def done(self, batch: list[Item]) -> int:
        """Count a batch that was taken as processed; return its pixels."""
        pixels = cost(tile for _, tile in batch)
        # Behind those, too, that came during the batch: an image of many tiles, alone until then,
        # would otherwise have a second turn before their first.
        self._to_the_end(batch)
        self.pixels -= pixels
        self._running -= pixels
        self._large_running &= not self._is_large(batch[0][1])
        return pixels

    def ahead(self, rounds: int) -> int:
        """Return the pixels in progress and those of the next `rounds` tiles of every request."""
        waiting = sum(min(len(job.tiles), rounds) * job.tiles[0].size for job in self._jobs)
        return self._running + waiting if rounds else 0

    def rounds(self) -> int:
        """Return after how many tiles of each request none waits any more."""
        return max((len(job.tiles) for job in self._jobs), default=0)

    def drop_abandoned(self) -> int:
        """Forget requests whose futures are resolved; return how many of them were cancelled."""
        gone = {job for job in self._jobs if job.future.done()}
        if gone:
            self.pixels -= sum(job.pixels_left for job in gone)
            self._jobs = deque(job for job in self._jobs if job not in gone)
        return sum(job.future.cancelled() for job in gone)

    def fail(self, reason: Exception) -> None:
        """Fail all that wait, and forget them."""
        for job in self._jobs:
            job.fail(reason)
        self._jobs.clear()

    def _may_run(self, job: Job) -> bool:
        return not (self._large_running and self._is_large(job.tiles[0]))

    def _is_large(self, tile: Tile) -> bool:
        return tile.size > self._batch_pixels

    def _to_the_end(self, batch: list[Item]) -> None:
        """Move the requests of the batch to the end, and forget those without further tiles."""
        served = {job for job, _ in batch}
        waiting = [job for job in self._jobs if job.tiles]
        self._jobs = deque(sorted(waiting, key=served.__contains__))
