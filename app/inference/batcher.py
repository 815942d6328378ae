"""Run tiles of many requests in common batches, with clients and their requests taking turns.

A few threads, called lanes, run the network. A free lane takes the next tile of the client and
request whose turn it is, fills the batch with queued tiles of the same kind, and never waits for
more. `tile_queue` has the queue, and `pace` the cost of a pixel.
"""

import logging
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from app.imaging.scale import Pixels
from app.imaging.tiling import Tile
from app.inference.canvas import Canvas
from app.inference.job import Job, Progress, Timing
from app.inference.pace import Pace
from app.inference.tile_queue import Item, TileQueue

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

LANES = 2
"""Batches of small tiles in progress at once: while one is between network and queue, or waits for
its slowest thread at the end of a layer, another keeps the cores busy. More would only compete for
them.
"""


class Overloaded(Exception):
    """The queue is full, or the wait too long; try again after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the queue is full; try again in {retry_after:.1f} s")
        self.retry_after = retry_after


class Draining(Exception):
    """The service is stopping and accepts no new work."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a queue; pixels are those of the tiles, halos included."""

    batch_pixels: int = 1 << 18
    """Maximum pixels of a batch: four tiles of 256x256. A larger tile forms a batch of its own, and
    only one such batch is in progress at a time, which bounds memory.
    """
    queue_pixels: int = 1 << 31
    """Maximum queued pixels of a client with more than one request."""
    deadline: float = 60.0
    """Maximum time in seconds from submission to completion of a request, as estimated when it is
    submitted.
    """


@dataclass(slots=True)
class Stats:
    """Counts since the batcher started, for the metrics."""

    batches: int = 0
    tiles: int = 0
    pixels: int = 0
    dropped: int = 0
    """Requests that were cancelled before they were done."""


class Batcher:
    """Run the network on batches of tiles from a queue within `limits`.

    `forward` is called from `lanes` threads at once with small tiles, or from one more beside a
    thread with a large tile. When the queue is empty, any request is accepted.
    `seconds_per_pixel` is the assumed cost of a pixel until batches have been timed.
    """

    def __init__(
        self,
        forward: Callable[[Pixels], Pixels],
        limits: Limits,
        *,
        seconds_per_pixel: float = 0.0,
        lanes: int = LANES,
    ) -> None:
        self.stats = Stats()
        self.failures = 0
        """Number of consecutive batches in which every tile failed."""
        self.death: BaseException | None = None
        """The error that ended a lane, after which nothing is processed; None while all run."""
        self._forward = forward
        self._limits = limits
        self._queue = TileQueue(limits.batch_pixels, lanes)
        self._pace = Pace(seconds_per_pixel, limits.batch_pixels)
        self._closing = False
        self._changed = threading.Condition()
        self._lanes = [
            threading.Thread(target=self._run, name=f"inference-{lane}", daemon=True)
            for lane in range(lanes + 2)
        ]
        for lane in self._lanes:
            lane.start()

    @property
    def queued_pixels(self) -> int:
        """Pixels of the tiles that are queued or in progress."""
        return self._queue.pixels

    @property
    def queued_seconds(self) -> float:
        """Estimated seconds for those, by the recent cost of a pixel."""
        return self.seconds(self._queue.pixels)

    def seconds(self, pixels: float) -> float:
        """Estimate the seconds for so many pixels, halos included, by their recent cost."""
        return self._pace.seconds(pixels)

    def submit(
        self,
        canvas: Canvas,
        tiles: Iterable[Tile],
        answer: Callable[[Timing], Answer],
        progress: Progress | None = None,
        client: str = "",
    ) -> Future[Answer]:
        """Queue the tiles of a canvas; once all are done, the future holds the result.

        Clients take turns, and so do the requests of each. Cancelling the future removes the
        remaining tiles. With `progress`, which is kept up to date, the deadline does not apply.
        Raises Overloaded or Draining.
        """
        following = progress or Progress()
        job = Job(canvas, deque(tiles), answer, Future(), time.monotonic(), following, client)
        with self._changed:
            if self._closing or self.death:
                raise Draining
            self.stats.dropped += self._queue.drop_abandoned()
            if not self._fits(job, patient=progress is not None):
                raise Overloaded(self._time_until_it_fits(job))
            self._queue.add(job)
            following.remaining = lambda: self._remaining(following, client)
            self._wake_another()
        return job.future

    def close(self, timeout: float | None = None) -> None:
        """Accept no more work, finish the queue and stop; fail the rest after `timeout` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        deadline = None if timeout is None else time.monotonic() + timeout
        for lane in self._lanes:
            lane.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        with self._changed:
            self._queue.fail(Draining())

    def _fits(self, job: Job, rounds: int = 0, *, patient: bool = False) -> bool:
        """Return whether there is room and time for `job` after `rounds` turns of every request."""
        done = self._queue.ahead(job.client, rounds)
        ahead = self._queue.ahead(job.client, rounds + len(job.tiles)) - done
        left = self._queue.pixels - done
        own = self._queue.beyond(job.client, rounds)
        has_room = not own or own + job.pixels_left <= self._limits.queue_pixels
        in_time = patient or self.seconds(ahead + job.pixels_left) <= self._limits.deadline
        return not left or (has_room and in_time)

    def _time_until_it_fits(self, job: Job) -> float:
        """Estimate the seconds until the job fits, if no other is submitted."""
        candidates = range(self._queue.rounds() + 1)
        rounds = bisect_left(candidates, True, key=lambda rounds: self._fits(job, rounds))
        return self.seconds(self._queue.ahead(job.client, rounds))

    def _remaining(self, progress: Progress, client: str) -> float:
        with self._changed:
            ahead = self._queue.ahead(client, progress.planned - progress.done, is_new=False)
            return self.seconds(ahead) + progress.later

    def _run(self) -> None:
        batch: list[Item] = []
        try:
            while batch := self._next_batch():
                start = time.monotonic()
                done = self._processed(batch)
                self._account(batch, start, succeeded=bool(done))
                self._stitch(done)  # while another lane may take the next large tile
                batch, done = [], []  # so that no image is kept in memory while the lane waits
        except BaseException as error:
            # No caller may wait forever for a thread that has died.
            logger.critical("an inference thread has died", exc_info=True)
            reason = RuntimeError("an inference thread has died")
            with self._changed:
                self.death = error
                for job, _ in batch:
                    job.fail(reason)
                self._queue.fail(reason)
                self._changed.notify_all()

    def _next_batch(self) -> list[Item]:
        """Wait for the next batch and return it; an empty one tells the lane to end."""
        with self._changed:
            while True:
                self.stats.dropped += self._queue.drop_abandoned()
                if self.death or (self._closing and not self._queue):
                    return []
                if batch := self._queue.take():
                    self._wake_another()
                    return batch
                self._changed.wait()

    def _wake_another(self) -> None:
        """Wake one lane if there is a batch for it; that lane wakes the next.

        If all woke at once, they would compete for the interpreter although one takes the image.
        """
        if self._queue.is_ready:
            self._changed.notify()

    def _processed(self, batch: list[Item]) -> list[tuple[Item, Pixels]]:
        """Return the items of a batch that succeed, with the results of the network."""
        try:
            parts = [job.canvas.cut(tile) for job, tile in batch]
            # a single tile, perhaps a large one, is not copied
            values = self._forward(parts[0][None] if len(parts) == 1 else np.stack(parts))
        except Exception as error:
            if len(batch) == 1:
                batch[0][0].fail(error)
                return []
            # One bad tile must not fail the others of the batch, so run each alone.
            return [done for item in batch for done in self._processed([item])]
        return list(zip(batch, values, strict=True))

    def _stitch(self, done: list[tuple[Item, Pixels]]) -> None:
        """Stitch results into their images; resolve the futures of those that are complete.

        An error, such as a lack of memory, fails only the image that it concerns.
        """
        for (job, tile), value in done:
            try:
                job.canvas.stitch(tile, value)
                with self._changed:
                    job.progress.done += 1
                    job.left -= 1
                    is_complete = not job.left
                if is_complete:
                    job.finish()
            except Exception as error:
                job.fail(error)

    def _account(self, batch: list[Item], start: float, *, succeeded: bool) -> None:
        with self._changed:
            pixels = self._queue.done(batch)
            self.failures = 0 if succeeded else self.failures + 1
            self.stats.batches += 1
            self.stats.tiles += len(batch)
            self.stats.pixels += pixels
            self._pace.account(pixels, start)
            self._wake_another()
            if self._closing:
                self._changed.notify_all()
