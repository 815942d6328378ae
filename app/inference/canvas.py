"""Cut tiles for the network from the planes of a volume, and assemble the results.

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
"""The value 1 in sums, which are fixed-point numbers of 32 bits: they do not depend on the order in
which results arrive, are exact where these are equal, and are finer than single precision.
"""


class Canvas(Protocol):
    """What a job of the batcher reads from and writes to, from several threads at once."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of tiles."""

    @property
    def channels(self) -> int:
        """The channels of tiles."""

    def cut(self, tile: Tile) -> Pixels:
        """Return a tile [height, width, channels] as the network sees it."""

    def stitch(self, tile: Tile, values: Pixels) -> None:
        """Take the network's result for a tile; only its core is used."""

    def finish(self) -> None:
        """Complete the result, once all tiles have been stitched."""


class Planes:
    """Planes that are each processed once; tiles are written directly into the result."""

    def __init__(
        self,
        pixels: Pixels,
        result: Pixels,
        bounds: Bounds | None = None,
        stack: Stack = STILL,
        of_channels: tuple[Bounds, ...] = (),
    ) -> None:
        """Take `pixels` and `result`, [height, width, channels] with frames one below the other.

        With `bounds`, the network sees `pixels` mapped by them, in float32; with `of_channels`,
        those of each channel of the stack are mapped by bounds of their own.
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
        """Do nothing, since the result is complete."""


class Mean:
    """Planes along several axes; each voxel becomes the mean of its results along them all."""

    def __init__(
        self, pixels: Pixels, result: Pixels, bounds: Bounds, stack: Stack, axes: Axes
    ) -> None:
        """Take the same as `Planes`; only `finish` fills `result`."""
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
        """Fill the result, once all tiles have been stitched."""
        for top in range(0, len(self._sum), self._height):
            frame = slice(top, top + self._height)
            found = _mean(self._sum[frame], self._count)
            self._result[frame] = self._bounds.from_unit(found, self._pixels[frame])


class Ensemble:
    """Tiles in several orientations, the mean of whose results goes to another canvas.

    The orientations of a tile follow one another, so that few sums are kept at a time.
    """

    def __init__(self, canvas: Canvas, count: int) -> None:
        """Take a canvas of float32 tiles, and the number of orientations."""
        self._canvas, self._count = canvas, count
        self._sums: dict[Tile, tuple[Pixels, int]] = {}
        """For each tile the sum of its results so far, and how many are still to come."""
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
        """Complete the result, once all tiles have been stitched."""
        self._canvas.finish()


def canvas_of(
    view: View, given: Pixels, result: Pixels, stack: Stack, axes: Axes, ensemble: EnsembleChoice
) -> Canvas:
    """Return the canvas from the pixels `given` of a view to the network's `result`.

    Means are taken over results in floating point, and rounded once.
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
    """Return the mean of `count` results, given their sum, in float32."""
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
