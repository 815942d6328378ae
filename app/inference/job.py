"""An image on its way through the network, tile by tile, and how far it is."""

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
    """Seconds that a request waited for its first batch, and from there to its last."""

    queue: float
    infer: float


@dataclass(eq=False, slots=True)
class Progress:
    """The progress of an image through the network; readable from any thread."""

    planned: int = 0
    """Number of its tiles; 0 until they are queued."""
    done: int = 0
    """Number of its tiles that are done."""
    remaining: Callable[[], float] = lambda: 0.0
    """Returns the seconds until all are done, by the recent cost of a pixel and others' turns."""
    expected: int = 0
    """Number of tiles of several images that go one after the other; 0 if there is only one."""
    later: float = 0.0
    """Seconds that those of them will take that have not been queued yet."""

    def begin(self, tiles: int) -> None:
        """Count so many tiles of an image from now on."""
        self.planned = self.expected or tiles
        if not self.expected:
            self.done = 0


@dataclass(eq=False, slots=True)
class Job:
    """One image on its way through the network."""

    canvas: Canvas
    tiles: deque[Tile]
    answer: Callable[[Timing], Any]
    future: Future[Any]
    submitted: float
    progress: Progress = field(default_factory=Progress)
    client: str = ""
    """Who has sent the image."""
    started: float | None = None
    left: int = field(init=False)
    """Tiles that are not done yet."""

    def __post_init__(self) -> None:
        self.left = len(self.tiles)
        self.progress.begin(self.left)

    @property
    def kind(self) -> tuple[Any, ...]:
        """Tiles of one kind can share a batch."""
        return self.tiles[0].shape, self.canvas.dtype, self.canvas.channels

    @property
    def pixels_left(self) -> int:
        """Pixels of the tiles that wait, halos included."""
        return cost(self.tiles)

    def finish(self) -> None:
        """Resolve the future, once all tiles are done."""
        done = time.monotonic()
        started = self.started or done
        timing = Timing(started - self.submitted, done - started)
        with suppress(InvalidStateError):  # if the caller left during the last batch
            self.future.set_result(self.answer(timing))

    def fail(self, error: Exception) -> None:
        """Have the future raise an error, unless it is resolved already."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)
