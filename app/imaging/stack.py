"""How the frames of a picture lie: pages of a file, slices of a scan, volumes over time."""

import math
from dataclasses import dataclass
from typing import Literal

Axes = tuple[int, ...]
"""Along which axes of a volume planes are cut: 0 counts frames, 1 rows, 2 columns."""

AxesChoice = Literal["auto", "1", "3"]
"""What a caller may ask for: the axes that the voxels' shape suggests, one axis, or all three."""

ISOTROPIC = 1.25
"""The longest side of a voxel over its shortest, up to which planes along all axes look alike."""

MIN_SIDE = 32
"""Of planes along other axes than the frames' own, in pixels: a network sees little in less."""

MAX_FRAMES = 1 << 14
"""Frames that one picture may have: each costs a tile of the network, however small it is."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Frames of one size, one below the other in the arrays of a picture.

    `frames` is how many there are, in so many `volumes` of equal depth, one after the other.
    `spacing` is the distance between the centres of neighbours, frames, rows and columns, in one
    unit; None where the file does not tell, or tells of something else than space.
    """

    frames: int = 1
    volumes: int = 1
    spacing: tuple[float, float, float] | None = None

    @property
    def depth(self) -> int:
        """Frames of one volume."""
        return self.frames // self.volumes

    def axes(self, choice: AxesChoice, height: int, width: int) -> Axes:
        """Along which axes a volume with frames of `height` x `width` is to be worked on.

        Nearly isotropic voxels go along all three; others along their longest side, so that planes
        hold the fine detail; what is too thin for that goes frame by frame.
        """
        sides = self.depth, height, width
        if choice != "3" and self.spacing is None:
            return (0,)
        if choice == "3" or (choice == "auto" and self._is_isotropic):
            return (0, 1, 2) if min(sides) >= MIN_SIDE else (0,)
        thick = self._thick_axis
        is_wide = all(side >= MIN_SIDE for axis, side in enumerate(sides) if axis != thick)
        return (thick,) if is_wide else (0,)

    @property
    def _is_isotropic(self) -> bool:
        return self.spacing is not None and max(self.spacing) <= ISOTROPIC * min(self.spacing)

    @property
    def _thick_axis(self) -> int:
        """The frames' own where it is as good as the thickest."""
        if self.spacing is None or self.spacing[0] * ISOTROPIC >= max(self.spacing):
            return 0
        return self.spacing.index(max(self.spacing))


STILL = Stack()
"""A picture of one frame."""


def spacing_of(*distances: float) -> tuple[float, float, float] | None:
    """Distances between frames, rows and columns, if they are that: positive and finite."""
    frames, rows, columns = map(abs, distances)
    sound = all(math.isfinite(each) and each > 0 for each in (frames, rows, columns))
    return (frames, rows, columns) if sound else None
