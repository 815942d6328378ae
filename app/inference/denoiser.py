"""Picture in, picture out: the one door to a model, for the API and the command line alike."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from app.imaging.codec import Picture
from app.imaging.estimate import estimate_sigma
from app.imaging.scale import Pixels, from_unit, to_unit
from app.imaging.tiling import plan
from app.inference.batcher import Batcher, Stats, Timing
from app.inference.store import ModelCard, ModelPackage

WARM = (
    *(((1, 64, 64, channels), dtype) for channels in (1, 3) for dtype in (np.uint8, np.uint16)),
    *(((1, side, side, 3), np.uint8) for side in (256, 512, 1024)),
)
"""Shapes and types run once before the model counts as ready: every trace, and common sizes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model's queue takes; pixels count the tiles' halos."""

    batch_pixels: int = 1 << 19
    """The most pixels in one batch: eight tiles of 256x256."""
    queue_pixels: int = 1 << 28
    """The most pixels that wait."""
    deadline: float = 60.0
    """The longest wait, in seconds, that a new picture may face."""


@dataclass(frozen=True)
class Denoised:
    """A denoised picture, what it was made of, and how long that took."""

    original: Picture
    restored: Picture
    """The network's own result, at full strength."""
    strength: float
    timing: Timing

    @cached_property
    def picture(self) -> Picture:
        """Original + strength * (restored - original), rounded to nearest."""
        if self.strength == 1.0:
            return self.restored
        x, y = self.original.pixels, self.restored.pixels
        blend = np.empty_like(y)
        for row in range(len(y)):  # row by row: floats of a whole picture would be large
            a, b = to_unit(x[row]), to_unit(y[row])
            blend[row] = from_unit(a + np.float32(self.strength) * (b - a), y.dtype)
        return replace(self.restored, pixels=blend)

    @cached_property
    def sigma(self) -> float:
        """The deviation of the noise that the network found, 0..1; takes some milliseconds."""
        return estimate_sigma(self.original.pixels, self.restored.pixels)


class Denoiser:
    """One model, loaded and warm, with a queue of its own."""

    def __init__(
        self, forward: Callable[[Pixels], Pixels], card: ModelCard, limits: Limits
    ) -> None:
        self.card = card
        self._batcher = Batcher(
            forward,
            batch_pixels=limits.batch_pixels,
            queue_pixels=limits.queue_pixels,
            deadline=limits.deadline,
        )

    @classmethod
    def load(
        cls,
        package: ModelPackage,
        *,
        precision: str = "auto",
        threads: int = 0,
        limits: Limits | None = None,
    ) -> Self:
        """Loads and warms the packaged model; takes seconds, and starts TensorFlow.

        `precision` and `threads` are those of the process: the first model sets them.
        Raises BadModelPackage where the file holds no model that can be served.
        """
        # TensorFlow takes seconds to import: nothing that only reads cards should wait for it.
        from app.inference.engine import Engine, Precision, configure_tensorflow

        configure_tensorflow(Precision(precision), threads)
        engine = Engine(package.path)
        for kind in WARM:
            engine.forward(np.zeros(*kind))
        return cls(engine.forward, package.card, limits or Limits())

    def submit(self, picture: Picture, *, strength: float = 1.0) -> Future[Denoised]:
        """Queues a picture; cancelling the future takes it off the queue.

        `strength`, 0..1, is the share of the network's correction that is applied. Raises
        Overloaded when there is no room, and Draining after `close`.
        """
        tiles = plan(picture.height, picture.width, halo=self.card.halo, stride=self.card.stride)
        restored = replace(picture, pixels=np.empty_like(picture.pixels))
        return self._batcher.submit(
            picture.pixels,
            tiles,
            restored.pixels,
            lambda timing: Denoised(picture, restored, strength, timing),
        )

    async def denoise(self, picture: Picture, *, strength: float = 1.0) -> Denoised:
        """`submit`, awaited: cancelling this takes the picture off the queue."""
        return await asyncio.wrap_future(self.submit(picture, strength=strength))

    @property
    def queued_pixels(self) -> int:
        """Pixels that wait or are being processed, halos included."""
        return self._batcher.queued_pixels

    @property
    def stats(self) -> Stats:
        """What has been done since the start."""
        return self._batcher.stats

    def close(self, timeout: float | None = None) -> None:
        """Takes no more pictures and finishes what is queued, for at most `timeout` seconds."""
        self._batcher.close(timeout)
