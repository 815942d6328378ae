"""Plan the tiles of an image for a model, along one axis or several, in one orientation or
several.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from app.imaging.orientation import ENSEMBLES, EnsembleChoice
from app.imaging.stack import STILL, Axes, Stack
from app.imaging.tiling import MOST, SIDES, Tile, cost, most_within, plan
from app.inference.card import ModelCard

BATCH_FLOATS = 8 * MOST
"""The most values that one layer may produce for a batch or a tile (140 MB), which bounds the
memory of a forward pass. The default network reaches it with the largest tile; one with wider
layers gets smaller tiles.
"""


def most_in_a_tile(card: ModelCard) -> int:
    """Return the most pixels of a tile that is within BATCH_FLOATS."""
    return most_within(BATCH_FLOATS / card.floats_per_pixel, halo=card.halo)


@dataclass(frozen=True, slots=True)
class Tiler:
    """The requirements of a model and its engine, and the plans that meet them."""

    halo: int
    """Context around the core of a tile, in pixels."""
    stride: int
    """The factor by which the network reduces its input: tiles begin at multiples of it."""
    most: int
    """The most pixels of a tile, halo included."""
    sides: tuple[int, ...] = SIDES
    """Sides that a tile may have, in pixels."""

    @classmethod
    def of(cls, card: ModelCard, sides: tuple[int, ...] = SIDES) -> Self:
        """Return the tiler for a model whose engine takes tiles of these sides."""
        return cls(card.halo, card.stride, most_in_a_tile(card), sides)

    def plan(
        self,
        height: int,
        width: int,
        stack: Stack = STILL,
        axes: Axes = (0,),
        ensemble: EnsembleChoice = 1,
    ) -> list[Tile]:
        """Plan the tiles of frames of height x width pixels, along each of the axes in turn.

        The orientations of a tile follow one another.
        """
        return [
            replace(tile, axis=axis, plane=number)
            for axis, plane, planes in self._planes(height, width, stack, axes, ensemble)
            for number in range(planes)
            for tile in plane
        ]

    def count(
        self, height: int, width: int, stack: Stack, axes: Axes, ensemble: EnsembleChoice
    ) -> int:
        """Return how many tiles `plan` would return, without planning them."""
        planes = self._planes(height, width, stack, axes, ensemble)
        return sum(count * len(tiles) for _, tiles, count in planes)

    def cost(
        self, height: int, width: int, stack: Stack, axes: Axes, ensemble: EnsembleChoice
    ) -> int:
        """Return how many pixels the network processes for `plan`, halos included."""
        planes = self._planes(height, width, stack, axes, ensemble)
        return sum(count * cost(tiles) for _, tiles, count in planes)

    def _planes(
        self, height: int, width: int, stack: Stack, axes: Axes, ensemble: EnsembleChoice
    ) -> Iterator[tuple[int, list[Tile], int]]:
        """Yield each axis, the tiles of one plane across it, and the number of such planes."""
        sides = stack.depth, height, width
        for axis in axes:
            across = [side for other, side in enumerate(sides) if other != axis]
            tiles = plan(
                *across, halo=self.halo, stride=self.stride, most=self.most, sides=self.sides
            )
            oriented = [
                replace(tile, orientation=orientation)
                for tile in tiles
                for orientation in ENSEMBLES[ensemble]
            ]
            yield axis, oriented, stack.volumes * sides[axis]
