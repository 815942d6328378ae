"""A queued image: its remaining tiles, its future, and its progress."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from app.imaging.tiling import Tile, cost
from app.inference.canvas import Canvas


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that a request waited for its first batch, and from then until it was done."""

    queue: float
    infer: float


@dataclass(eq=False, slots=True)
class Progress:
    """The progress of an image through the network; readable from any thread."""

    planned: int = 0
    """Number of its tiles; 0 until they are queued."""
    done: int = 0
    """Number of tiles done."""
    remaining: Callable[[], float] = lambda: 0.0
    """Estimates the seconds until all are done, the turns of other requests included."""
    expected: int = 0
    """Total number of tiles of several consecutive images; 0 if there is only one image."""
    later: float = 0.0
    """Estimated seconds for those of them that have not been queued yet."""

    def begin(self, tiles: int) -> None:
        """Begin an image of so many tiles."""
        self.planned = self.expected or tiles
        if not self.expected:
            self.done = 0


@dataclass(eq=False, slots=True)
class Job:
    """An image whose tiles are queued or in progress."""

    canvas: Canvas
    tiles: deque[Tile]
    answer: Callable[[Timing], Any]
    future: Future[Any]
    submitted: float
    progress: Progress = field(default_factory=Progress)
    client: str = ""
    """The client that sent the image."""
    started: float | None = None
    left: int = field(init=False)
    """Number of tiles not done yet."""

    def __post_init__(self) -> None:
        self.left = len(self.tiles)
        self.progress.begin(self.left)

    @property
    def kind(self) -> tuple[Any, ...]:
        """The kind of the next tile: tiles of the same kind can share a batch."""
        return self.tiles[0].shape, self.canvas.dtype, self.canvas.channels

    @property
    def pixels_left(self) -> int:
        """Pixels of the queued tiles, halos included."""
        return cost(self.tiles)

    def finish(self) -> None:
        """Resolve the future with the result, once all tiles are done."""
        done = time.monotonic()
        started = self.started or done
        timing = Timing(started - self.submitted, done - started)
        with suppress(InvalidStateError):  # if it was cancelled during the last batch
            self.future.set_result(self.answer(timing))

    def fail(self, error: Exception) -> None:
        """Resolve the future with an error, unless it is resolved already."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)
