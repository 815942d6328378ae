"""Cut tiles from planes of a volume as a network sees them, and put the results together.

An image is a volume of one plane.
"""

import threading
from dataclasses import replace
from typing import Protocol

import numpy as np

from app.imaging.orientation import UPRIGHT, EnsembleChoice, orient, orient_back
from app.imaging.scale import Pixels, bands
from app.imaging.stack import STILL, Axes, Stack
from app.imaging.tiling import Tile, cut, stitch
from app.imaging.view import Bounds, View

ONE = 1 << 28
"""What a value of 1 counts in sums. Those are of whole numbers, 32 bits wide: the same in whatever
order results come, exact where these are equal, and finer than single precision.
"""


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

    def finish(self) -> None:
        """Complete the result, once all tiles are there."""


class Planes:
    """Planes that are each processed once, directly into the result."""

    def __init__(
        self,
        pixels: Pixels,
        result: Pixels,
        bounds: Bounds | None = None,
        stack: Stack = STILL,
        of_channels: tuple[Bounds, ...] = (),
    ) -> None:
        """Take `pixels` and `result`, [height, width, channels] with frames one below the other.

        With `bounds`, the network sees `pixels` mapped by them, in float32; with `of_channels`, the
        frames of each channel of the stack by their own.
        """
        self._pixels, self._result = _volumes(pixels, stack), _volumes(result, stack)
        self._bounds, self._of_channels, self._stack = bounds, of_channels, stack
        self.dtype = pixels.dtype if bounds is None else np.dtype(np.float32)
        self.channels = int(pixels.shape[-1])

    def cut(self, tile: Tile) -> Pixels:
        """Return a tile as the network sees it."""
        part, bounds = cut(_plane(self._pixels, tile), tile), self._bounds_of(tile)
        return part if bounds is None else bounds.to_unit(part)

    def stitch(self, tile: Tile, values: Pixels) -> None:
        """Take the network's result for a tile."""
        result, bounds = _plane(self._result, tile), self._bounds_of(tile)
        if bounds is None:
            stitch(result, tile, values)
            return
        core = tile.rows.core, tile.columns.core
        found = values[tile.rows.core_in_tile, tile.columns.core_in_tile]
        result[core] = bounds.from_unit(found, _plane(self._pixels, tile)[core])

    def _bounds_of(self, tile: Tile) -> Bounds | None:
        if not self._of_channels:
            return self._bounds
        return self._of_channels[self._stack.channel(tile.plane)]

    def finish(self) -> None:
        """Do nothing more: the result is complete."""


class Mean:
    """Planes along several axes; each voxel is the mean of its results along all of them."""

    def __init__(
        self, pixels: Pixels, result: Pixels, bounds: Bounds, stack: Stack, axes: Axes
    ) -> None:
        """Take what `Planes` takes; `finish` fills `result`."""
        self._pixels, self._result, self._bounds = pixels, result, bounds
        self._count = len(axes)
        self._sum = np.zeros(pixels.shape, np.uint32)
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
        found = values[tile.rows.core_in_tile, tile.columns.core_in_tile]
        place = _plane(self._taken, tile)[tile.rows.core, tile.columns.core]
        with self._lock:
            _add(place, found)

    def finish(self) -> None:
        """Fill the result, once all tiles are there."""
        for top in range(0, len(self._sum), self._height):
            frame = slice(top, top + self._height)
            found = _mean(self._sum[frame], self._count)
            self._result[frame] = self._bounds.from_unit(found, self._pixels[frame])


class Ensemble:
    """Tiles in several orientations; another canvas gets the mean of the results for each.

    The orientations of a tile come one after the other, so that few tiles have a sum at a time.
    """

    def __init__(self, canvas: Canvas, count: int) -> None:
        """Take a canvas of float32 tiles, and the number of orientations."""
        self._canvas, self._count = canvas, count
        self._sums: dict[Tile, tuple[Pixels, int]] = {}
        """The sum of the results for a tile, and how many are still to come."""
        self._lock = threading.Lock()
        self.dtype, self.channels = canvas.dtype, canvas.channels

    def cut(self, tile: Tile) -> Pixels:
        """Return a tile as the network sees it."""
        return orient(self._canvas.cut(tile), tile.orientation)

    def stitch(self, tile: Tile, values: Pixels) -> None:
        """Take the network's result for a tile."""
        found, upright = orient_back(values, tile.orientation), replace(tile, orientation=UPRIGHT)
        with self._lock:
            total, left = self._sums.pop(upright, (None, self._count))
            if total is None:
                total = np.zeros(found.shape, np.uint32)
            _add(total, found)
            if left > 1:
                self._sums[upright] = total, left - 1
                return
        self._canvas.stitch(upright, _mean(total, self._count))

    def finish(self) -> None:
        """Complete the result, once all tiles are there."""
        self._canvas.finish()


def canvas_of(
    view: View, given: Pixels, result: Pixels, stack: Stack, axes: Axes, ensemble: EnsembleChoice
) -> Canvas:
    """Return the canvas for a view, `given` of it to the network, and `result` for what it makes.

    Means are taken of what the network makes of floats, and rounded once.
    """
    bounds = view.light or view.range
    if len(axes) > 1:
        canvas: Canvas = Mean(given, result, bounds, stack, axes)
    else:
        maps = view.bounds if ensemble == 1 and not view.channels else bounds
        canvas = Planes(given, result, maps, stack, view.channels)
    return canvas if ensemble == 1 else Ensemble(canvas, ensemble)


def _add(total: Pixels, values: Pixels) -> None:
    """Add values [height, width, channels] within 0..1 to a sum."""
    for band in bands(values):
        total[band] += (values[band] * np.float32(ONE)).astype(np.uint32)


def _mean(total: Pixels, count: int) -> Pixels:
    """Return the mean of what has been added, in float32."""
    found = total.astype(np.float32)
    found /= np.float32(count * ONE)
    return found


def _volumes(pixels: Pixels, stack: Stack) -> Pixels:
    """Return a view [volumes, frames, rows, columns, channels]."""
    height = pixels.shape[0] // stack.frames
    return pixels.reshape(stack.volumes, stack.depth, height, *pixels.shape[1:])


def _plane(volumes: Pixels, tile: Tile) -> Pixels:
    """Return the plane of a tile, [height, width, channels]."""
    volume, plane = divmod(tile.plane, volumes.shape[1 + tile.axis])
    found: Pixels = np.moveaxis(volumes[volume], tile.axis, 0)[plane]
    return found
