"""Denoise pictures with a model, for the service and the command line."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Self

import numpy as np

from app.imaging.orientation import EnsembleChoice
from app.imaging.picture import Picture
from app.imaging.scale import Pixels
from app.imaging.stack import STILL, AxesChoice, Stack
from app.imaging.tiling import SIDES
from app.imaging.view import View
from app.inference import engines
from app.inference.batcher import Batcher, Limits, Stats
from app.inference.canvas import canvas_of
from app.inference.card import ModelCard
from app.inference.correction import DEFAULT, Correction
from app.inference.denoised import Denoised
from app.inference.engines import REFERENCE, EngineName, Forward, Precision, choice
from app.inference.job import Progress, Timing
from app.inference.prepare import prepare, prepare_aside
from app.inference.store import ModelPackage
from app.inference.tiler import Tiler, most_in_a_tile
from app.inference.warmup import warm

Empty = Callable[[tuple[int, ...], np.dtype[Any]], Pixels]

MAX_FAILURES = 3
"""Consecutive failed batches after which the model counts as failing: a single one may be due to
its image, or to a temporary lack of memory.
"""


class Denoiser:
    """A model that is loaded and warm, and its queue."""

    def __init__(
        self,
        forward: Forward,
        card: ModelCard,
        limits: Limits,
        seconds_per_pixel: float = 0.0,
        engine: EngineName = REFERENCE,
        sides: tuple[int, ...] = SIDES,
    ) -> None:
        """Take the assumed cost, until work has been timed, and the sides that tiles may have."""
        self.card, self.engine = card, engine
        self.tiler = Tiler.of(card, sides)
        self._batcher = Batcher(
            engines.with_extra(forward),
            replace(limits, batch_pixels=min(limits.batch_pixels, self.tiler.most)),
            seconds_per_pixel=seconds_per_pixel,
        )

    @classmethod
    def load(
        cls,
        package: ModelPackage,
        *,
        engine: choice.Wanted = REFERENCE,
        precision: str = "auto",
        threads: int = 0,
        limits: Limits | None = None,
    ) -> Self:
        """Load and warm the packaged model, which starts the engine and takes seconds.

        `engine`, `precision` and `threads` apply to the whole process: the first model sets them.
        Raises BadModelPackage if the file contains no model that can be served.
        """
        options = Precision(precision), threads
        name, forward = choice.load(package.path, engine, *options)
        cost = warm(forward, most_in_a_tile(package.card))
        return cls(forward, package.card, limits or Limits(), cost, name, engines.sides(name))

    def submit(
        self,
        picture: Picture,
        correction: Correction = DEFAULT,
        *,
        progress: Progress | None = None,
    ) -> Future[Denoised]:
        """Queue an image; cancelling the future removes it from the queue.

        `progress` is kept up to date. Raises Overloaded if the queue is full, and Draining after
        `close`.
        """
        view, given = prepare(picture, correction)
        return self._queue(picture, correction, view, given, progress=progress)

    async def denoise(
        self,
        picture: Picture,
        correction: Correction = DEFAULT,
        *,
        empty: Empty = np.empty,
        progress: Progress | None = None,
        client: str = "",
    ) -> Denoised:
        """Await `submit`: cancelling this removes the image from the queue.

        `empty` allocates the array for the result, perhaps in memory that other processes see; its
        initial values do not matter. `progress` is kept up to date; an image that has one may
        exceed the deadline. The images of all clients take turns.
        """
        view, given = await prepare_aside(picture, correction)
        queued = self._queue(picture, correction, view, given, empty, progress, client)
        return await asyncio.wrap_future(queued)

    def _queue(
        self,
        picture: Picture,
        correction: Correction,
        view: View,
        given: Pixels,
        empty: Empty = np.empty,
        progress: Progress | None = None,
        client: str = "",
    ) -> Future[Denoised]:
        def denoised(restored: Pixels, timing: Timing) -> Denoised:
            return Denoised(picture, view, restored, correction, timing, self.card)

        if view.is_flat:
            done: Future[Denoised] = Future()
            done.set_result(denoised(view.pixels, Timing(0.0, 0.0)))
            return done
        stack, height, width = picture.stack, picture.height, picture.width
        axes, ensemble = stack.axes(correction.axes, height, width), correction.ensemble
        restored = empty(view.pixels.shape, view.pixels.dtype)
        canvas = canvas_of(view, given, restored, stack, axes, ensemble)

        def answer(timing: Timing) -> Denoised:
            canvas.finish()
            return denoised(restored, timing)

        tiles = self.tiler.plan(height, width, stack, axes, ensemble)
        return self._batcher.submit(canvas, tiles, answer, progress, client)

    def seconds_for(
        self,
        height: int,
        width: int,
        stack: Stack = STILL,
        axes: AxesChoice = "auto",
        ensemble: EnsembleChoice = 1,
    ) -> float:
        """Estimate the seconds for an image of this size on its own, by the recent cost of a
        pixel.
        """
        chosen = stack.axes(axes, height, width)
        return self._batcher.seconds(self.tiler.cost(height, width, stack, chosen, ensemble))

    def count(
        self, height: int, width: int, stack: Stack, axes: AxesChoice, ensemble: EnsembleChoice
    ) -> int:
        """Return how many tiles an image of this size has."""
        return self.tiler.count(height, width, stack, stack.axes(axes, height, width), ensemble)

    @property
    def megapixels_per_second(self) -> float:
        """Speed on an image of 4 megapixels, by the recent cost of a pixel; infinite until
        known.
        """
        seconds = self.seconds_for(2000, 2000)
        return 4 / seconds if seconds else float("inf")

    async def probe(self) -> None:
        """Run the smallest image through the network; raise whatever the network raises."""
        await self.denoise(Picture(np.zeros((1, 1, 3), np.uint8)))

    @property
    def failing(self) -> bool:
        """Whether the last MAX_FAILURES batches have all failed; one success ends this."""
        return self._batcher.failures >= MAX_FAILURES

    @property
    def death(self) -> BaseException | None:
        """Why this can never denoise again; None while it can."""
        return self._batcher.death

    @property
    def queued_pixels(self) -> int:
        """Pixels that are queued or in progress, halos included."""
        return self._batcher.queued_pixels

    @property
    def queued_seconds(self) -> float:
        """Estimated seconds for `queued_pixels`, by the recent cost of a pixel."""
        return self._batcher.queued_seconds

    @property
    def stats(self) -> Stats:
        """What has been done since the start."""
        return self._batcher.stats

    def close(self, timeout: float | None = None) -> None:
        """Accept no more images, and finish those that are queued within `timeout` seconds."""
        self._batcher.close(timeout)
