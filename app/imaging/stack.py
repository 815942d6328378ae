"""The arrangement of an image's frames: pages of a file, slices of a scan, volumes over time."""

import math
from dataclasses import dataclass
from typing import Literal

Axes = tuple[int, ...]
"""Axes of a volume along which planes are cut: 0 counts frames, 1 rows, 2 columns."""

AxesChoice = Literal["auto", "1", "3"]
"""The axes to use: those that suit the shape of the voxels, one axis, or all three."""

ISOTROPIC = 1.25
"""Ratio of the longest to the shortest side of a voxel, up to which planes along all axes look
alike.
"""

MIN_SIDE = 32
"""The least side, in pixels, of planes that are not frames: in smaller ones, a network sees too
little.
"""

MAX_FRAMES = 1 << 14
"""The most frames of an image: each costs the network a tile, however small it is."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Frames of one size, one below the other in the arrays of an image.

    The `frames` form `volumes` of equal depth, one after the other. `spacing` is the distance
    between the centres of neighbouring frames, rows and columns, in the same unit; None if the file
    does not declare it, or if the frames are not spaced apart. Frames may belong to several
    `channels`, such as the dyes of a microscope, `run` frames of each in a row; these are not a
    volume.
    """

    frames: int = 1
    volumes: int = 1
    spacing: tuple[float, float, float] | None = None
    channels: int = 1
    run: int = 1

    @property
    def depth(self) -> int:
        """Frames of one volume."""
        return self.frames // self.volumes

    @property
    def is_regular(self) -> bool:
        """Whether the frames divide evenly among volumes, and among the turns of channels."""
        return min(self.volumes, self.channels, self.run) > 0 and (
            self.frames % self.volumes == self.frames % (self.channels * self.run) == 0
        )

    def axes(self, choice: AxesChoice, height: int, width: int) -> Axes:
        """Return the axes along which a volume with frames of `height` x `width` is processed.

        Nearly isotropic volumes are processed along all three; others along the longest side of
        their voxels, so that planes contain the fine detail; volumes too thin for that, frame by
        frame.
        """
        sides = self.depth, height, width
        if self.channels > 1:
            return (0,)
        if choice != "3" and self.spacing is None:
            return (0,)
        if choice == "3" or (choice == "auto" and self._is_isotropic):
            return (0, 1, 2) if min(sides) >= MIN_SIDE else (0,)
        thick = self._thick_axis
        is_wide = all(side >= MIN_SIDE for axis, side in enumerate(sides) if axis != thick)
        return (thick,) if is_wide else (0,)

    def channel(self, frame: int) -> int:
        """Return the channel of a frame."""
        return frame // self.run % self.channels

    @property
    def _is_isotropic(self) -> bool:
        return self.spacing is not None and max(self.spacing) <= ISOTROPIC * min(self.spacing)

    @property
    def _thick_axis(self) -> int:
        """Return the axis of the thickest voxel side, preferring the frames' own."""
        if self.spacing is None or self.spacing[0] * ISOTROPIC >= max(self.spacing):
            return 0
        return self.spacing.index(max(self.spacing))


STILL = Stack()
"""An image of one frame."""


def spacing_of(*distances: float) -> tuple[float, float, float] | None:
    """Return the distances of frames, rows and columns, without signs; None unless all are
    valid.
    """
    frames, rows, columns = map(abs, distances)
    sound = all(math.isfinite(each) and each > 0 for each in (frames, rows, columns))
    return (frames, rows, columns) if sound else None
