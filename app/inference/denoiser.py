"""Denoise images by a model: from picture to picture, for the service and the command line."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypedDict

import numpy as np

from app.imaging.blend import FULL, Strength
from app.imaging.light import Transfer
from app.imaging.orientation import EnsembleChoice
from app.imaging.picture import Picture
from app.imaging.range import Choice
from app.imaging.scale import Pixels
from app.imaging.stack import STILL, AxesChoice, Stack
from app.imaging.tiling import SIDES
from app.imaging.view import View, view_of
from app.inference.batcher import Batcher, Stats
from app.inference.canvas import canvas_of
from app.inference.card import ModelCard
from app.inference.denoised import Denoised
from app.inference.engines import REFERENCE, EngineName, Forward, Precision, choice, sides
from app.inference.job import Progress, Timing
from app.inference.store import ModelPackage
from app.inference.tiler import Tiler, most_in_a_tile
from app.inference.warmup import warm

Empty = Callable[[tuple[int, ...], np.dtype[Any]], Pixels]

MAX_FAILURES = 3
"""Batches in a row that may fail: one may be due to its image, or a temporary lack of memory."""

SIMPLE_PIXELS = 1 << 18
"""Size up to which the view of an 8-bit image without alpha is made on the event loop."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a model's queue; pixels count the tiles' halos."""

    batch_pixels: int = 1 << 18
    """The most pixels in one batch: four tiles of 256x256."""
    queue_pixels: int = 1 << 31
    """The most pixels that wait."""
    deadline: float = 60.0
    """The longest time, in seconds, that a new image may take with everything queued before it."""


class Correction(TypedDict):
    """How an image is denoised: the keyword arguments of `Denoiser.submit` and `denoise`."""

    strength: Strength
    range_: Choice
    transfer: Transfer
    axes: AxesChoice
    ensemble: EnsembleChoice


def _is_simple(picture: Picture) -> bool:
    """Return whether making its view takes less time than starting a thread."""
    plain = picture.dtype == np.uint8 and picture.alpha is None and picture.extra is None
    small = picture.height * picture.width <= SIMPLE_PIXELS
    return plain and small and not picture.metadata.linear


def _seen(picture: Picture, choice: Choice, transfer: Transfer) -> tuple[View, Pixels]:
    """Return the view of an image, and what the network is given of it."""
    view = view_of(picture, choice, transfer)
    return view, view.given()


def _by_kind(forward: Forward, tiles: Pixels) -> Pixels:
    """Run tiles of grey or RGB as they are; run one more channel, the last, as grey tiles."""
    if tiles.shape[-1] in (1, 3):
        return forward(tiles)
    parts = tiles[..., :-1], tiles[..., -1:]
    return np.concatenate([forward(np.ascontiguousarray(part)) for part in parts], axis=-1)


class Denoiser:
    """One model, loaded and warm, with a queue of its own."""

    def __init__(
        self,
        forward: Forward,
        card: ModelCard,
        limits: Limits,
        seconds_per_pixel: float = 0.0,
        engine: EngineName = REFERENCE,
        sides: tuple[int, ...] = SIDES,
    ) -> None:
        """Take `seconds_per_pixel`, the assumed cost until work has been timed.

        `sides` are those that tiles may have.
        """
        self.card, self.engine = card, engine
        self.tiler = Tiler.of(card, sides)
        self._batcher = Batcher(
            partial(_by_kind, forward),
            batch_pixels=min(limits.batch_pixels, self.tiler.most),
            queue_pixels=limits.queue_pixels,
            deadline=limits.deadline,
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
        """Load and warm the packaged model; this takes seconds, and starts the engine.

        `engine`, `precision` and `threads` apply to the process: the first model sets them. Raises
        BadModelPackage if the file contains no model that can be served.
        """
        options = Precision(precision), threads
        name, forward = choice.load(package.path, engine, *options)
        cost = warm(forward, most_in_a_tile(package.card))
        return cls(forward, package.card, limits or Limits(), cost, name, sides(name))

    def submit(
        self,
        picture: Picture,
        *,
        strength: Strength = FULL,
        range_: Choice = "auto",
        transfer: Transfer = "auto",
        axes: AxesChoice = "auto",
        ensemble: EnsembleChoice = 1,
        progress: Progress | None = None,
    ) -> Future[Denoised]:
        """Queue an image; cancelling the future takes it off the queue.

        `strength` is the share of the network's correction that is applied, `range_` says which
        values are 0 and 1 for the network, `transfer` whether they are linear, `axes` along which
        axes a volume is cut, and `ensemble` in how many orientations the network sees the image.
        `progress` is kept up to date. Raises Overloaded when there is no room, and Draining after
        `close`.
        """
        seen = _seen(picture, range_, transfer)
        return self._queue(picture, *seen, strength, axes, ensemble, progress=progress)

    async def denoise(
        self,
        picture: Picture,
        *,
        strength: Strength = FULL,
        range_: Choice = "auto",
        transfer: Transfer = "auto",
        axes: AxesChoice = "auto",
        ensemble: EnsembleChoice = 1,
        empty: Empty = np.empty,
        progress: Progress | None = None,
    ) -> Denoised:
        """Await `submit`: cancelling this takes the image off the queue.

        `empty` allocates the array for the result, whose initial values do not matter: it may lie
        in memory that other processes see. `progress` is kept up to date; an image that has one may
        take longer than the deadline.
        """
        if _is_simple(picture):
            seen = _seen(picture, range_, transfer)
        else:
            seen = await asyncio.to_thread(_seen, picture, range_, transfer)
        queued = self._queue(picture, *seen, strength, axes, ensemble, empty, progress)
        return await asyncio.wrap_future(queued)

    def _queue(
        self,
        picture: Picture,
        view: View,
        given: Pixels,
        strength: Strength,
        axes: AxesChoice,
        ensemble: EnsembleChoice,
        empty: Empty = np.empty,
        progress: Progress | None = None,
    ) -> Future[Denoised]:
        def denoised(restored: Pixels, timing: Timing) -> Denoised:
            return Denoised(picture, view, restored, strength, ensemble, timing, self.card)

        if view.is_flat:
            done: Future[Denoised] = Future()
            done.set_result(denoised(view.pixels, Timing(0.0, 0.0)))
            return done
        stack, height, width = picture.stack, picture.height, picture.width
        chosen = stack.axes(axes, height, width)
        restored = empty(view.pixels.shape, view.pixels.dtype)
        canvas = canvas_of(view, given, restored, stack, chosen, ensemble)

        def answer(timing: Timing) -> Denoised:
            canvas.finish()
            return denoised(restored, timing)

        tiles = self.tiler.plan(height, width, stack, chosen, ensemble)
        return self._batcher.submit(canvas, tiles, answer, progress)

    def seconds_for(
        self,
        height: int,
        width: int,
        stack: Stack = STILL,
        axes: AxesChoice = "auto",
        ensemble: EnsembleChoice = 1,
    ) -> float:
        """Return how long such an image takes by itself, by the recent cost of a pixel."""
        chosen = stack.axes(axes, height, width)
        return self._batcher.seconds(self.tiler.cost(height, width, stack, chosen, ensemble))

    def count(
        self, height: int, width: int, stack: Stack, axes: AxesChoice, ensemble: EnsembleChoice
    ) -> int:
        """Return how many tiles such an image has."""
        return self.tiler.count(height, width, stack, stack.axes(axes, height, width), ensemble)

    @property
    def megapixels_per_second(self) -> float:
        """Speed for an image of 4 megapixels, by recent cost; infinite until known."""
        seconds = self.seconds_for(2000, 2000)
        return 4 / seconds if seconds else float("inf")

    async def probe(self) -> None:
        """Run the smallest image through the network; raise whatever that raises."""
        await self.denoise(Picture(np.zeros((1, 1, 3), np.uint8)))

    @property
    def failing(self) -> bool:
        """Whether the last MAX_FAILURES batches have all failed; a success ends it."""
        return self._batcher.failures >= MAX_FAILURES

    @property
    def death(self) -> BaseException | None:
        """Why this can never denoise again, if that is so."""
        return self._batcher.death

    @property
    def queued_pixels(self) -> int:
        """Pixels that wait or are being processed, halos included."""
        return self._batcher.queued_pixels

    @property
    def queued_seconds(self) -> float:
        """Seconds that those will take, by the recent cost of a pixel."""
        return self._batcher.queued_seconds

    @property
    def stats(self) -> Stats:
        """What has been done since the start."""
        return self._batcher.stats

    def close(self, timeout: float | None = None) -> None:
        """Accept no more images and finish what is queued, for at most `timeout` seconds."""
        self._batcher.close(timeout)
