"""Cut tiles from planes of a volume as a network sees them, and put the results together.

An image is a volume of one plane.
"""

import threading
from typing import Protocol

import numpy as np

from app.imaging.scale import Pixels
from app.imaging.stack import STILL, Axes, Stack
from app.imaging.tiling import Tile, cut, stitch
from app.imaging.view import Bounds


class Canvas(Protocol):
    """What a job of the batcher works on, from several threads at once."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of tiles."""

    @property
    def channels(self) -> int:
        """The channels of tiles."""

    def cut(self, tile: Tile) -> Pixels:
        """Return a tile [height, width, channels] as the network sees it."""

    def stitch(self, tile: Tile, values: Pixels) -> None:
        """Take the network's result for a tile; everything outside its core is ignored."""


class Planes:
    """Planes that are each processed once, directly into the result."""

    def __init__(
        self,
        pixels: Pixels,
        result: Pixels,
        bounds: Bounds | None = None,
        stack: Stack = STILL,
    ) -> None:
        """Take `pixels` and `result`, [height, width, channels] with frames one below the other.

        With `bounds`, the network sees `pixels` mapped by them, in float32.
        """
        self._pixels, self._result = _volumes(pixels, stack), _volumes(result, stack)
        self._bounds = bounds
        self.dtype = pixels.dtype if bounds is None else np.dtype(np.float32)
        self.channels = int(pixels.shape[-1])

    def cut(self, tile: Tile) -> Pixels:
        """Return a tile as the network sees it."""
        part = cut(_plane(self._pixels, tile), tile)
        return part if self._bounds is None else self._bounds.to_unit(part)

    def stitch(self, tile: Tile, values: Pixels) -> None:
        """Take the network's result for a tile."""
        result = _plane(self._result, tile)
        if self._bounds is None:
            stitch(result, tile, values)
            return
        core = tile.rows.core, tile.columns.core
        found = values[tile.rows.core_in_tile, tile.columns.core_in_tile]
        result[core] = self._bounds.from_unit(found, _plane(self._pixels, tile)[core])


class Mean:
    """Planes along several axes; each voxel is the mean of its results along all of them."""

    def __init__(
        self, pixels: Pixels, result: Pixels, bounds: Bounds, stack: Stack, axes: Axes
    ) -> None:
        """Take what `Planes` takes; `finish` fills `result`."""
        self._pixels, self._result, self._bounds = pixels, result, bounds
        self._share = np.float32(1 / len(axes))
        self._sum = np.zeros(pixels.shape, np.float32)
        self._given, self._taken = _volumes(pixels, stack), _volumes(self._sum, stack)
        self._lock = threading.Lock()  # planes along different axes share voxels
        self._height = pixels.shape[0] // stack.frames
        self.dtype: np.dtype[np.generic] = np.dtype(np.float32)
        self.channels = int(pixels.shape[-1])

    def cut(self, tile: Tile) -> Pixels:
        """Return a tile as the network sees it."""
        return self._bounds.to_unit(cut(_plane(self._given, tile), tile))

    def stitch(self, tile: Tile, values: Pixels) -> None:
        """Take the network's result for a tile."""
        found = values[tile.rows.core_in_tile, tile.columns.core_in_tile] * self._share
        place = _plane(self._taken, tile)[tile.rows.core, tile.columns.core]
        with self._lock:
            place += found

    def finish(self) -> None:
        """Fill the result, once all tiles are there."""
        for top in range(0, len(self._sum), self._height):
            frame = slice(top, top + self._height)
            self._result[frame] = self._bounds.from_unit(self._sum[frame], self._pixels[frame])


def _volumes(pixels: Pixels, stack: Stack) -> Pixels:
    """Return a view [volumes, frames, rows, columns, channels]."""
    height = pixels.shape[0] // stack.frames
    return pixels.reshape(stack.volumes, stack.depth, height, *pixels.shape[1:])


def _plane(volumes: Pixels, tile: Tile) -> Pixels:
    """Return the plane of a tile, [height, width, channels]."""
    volume, plane = divmod(tile.plane, volumes.shape[1 + tile.axis])
    found: Pixels = np.moveaxis(volumes[volume], tile.axis, 0)[plane]
    return found
