"""How the components of a JPEG 2000 are coded, and what that costs a decoder.

Blocks, precincts and layers are those of ITU-T T.800, annex B.
"""

from functools import lru_cache
from typing import NamedTuple

BLOCK_BYTES, PRECINCT_BYTES = 640, 2048
"""What a block and a precinct take in the decoder beside their pixels."""
SEGMENT_BYTES, PASSES, SEGMENT_BITS = 64, 164, 3
"""What a segment of a block takes, how many a layer may add where each pass may be one, and the
bits of the file that state its length.
"""


class Coding(NamedTuple):
    """How a component is coded."""

    levels: int
    """Of decomposition."""
    block: tuple[int, int]
    """Columns and rows of coefficients."""
    precincts: tuple[tuple[int, int], ...]
    """Columns and rows at each resolution, from the lowest."""
    is_reversible: bool
    """Whether the transform is one without loss."""
    is_split: bool
    """Whether passes of a block may be segments of their own: raw ones, or all."""


class Style(NamedTuple):
    """How components are coded, in a tile or in all."""

    codings: tuple[Coding, ...]
    layers: int
    orders: int
    """In how many orders packets follow each other."""


def memory(style: Style, columns: int, rows: int, size: int) -> int:
    """Return what blocks and precincts of a tile take in the decoder, of a file of that `size`."""
    counts = [blocks(each, columns, rows) for each in style.codings]
    segments = style.layers * sum(
        count * (PASSES if each.is_split else 1)
        for count, each in zip(counts, style.codings, strict=True)
    )
    return (
        BLOCK_BYTES * sum(counts)
        + PRECINCT_BYTES * sum(precincts(each, columns, rows) for each in style.codings)
        + SEGMENT_BYTES * min(segments, 8 * size // SEGMENT_BITS)
    )


@lru_cache
def blocks(coding: Coding, columns: int, rows: int) -> int:
    """Return how many blocks a component has; one ends where its precinct does."""
    count = 0
    for number, (width, height) in enumerate(coding.precincts):
        below, halved = coding.levels - number, int(number > 0)  # in bands, precincts are halved
        across = min(coding.block[0], max(1, width >> halved))
        down = min(coding.block[1], max(1, height >> halved))
        area = (columns >> below) * (rows >> below)
        count += (area - area // 4 * halved) // (across * down)
    return count


@lru_cache
def precincts(coding: Coding, columns: int, rows: int) -> int:
    """Return how many precincts a component has, at least."""
    return sum(
        -(-(columns >> below) // width) * -(-(rows >> below) // height)
        for below, (width, height) in zip(
            range(coding.levels, -1, -1), coding.precincts, strict=True
        )
    )


@lru_cache
def steps(codings: tuple[Coding, ...], columns: int, rows: int) -> int:
    """Return how often a decoder that goes from place to place looks for a precinct.

    Places are as far apart as the narrowest precincts are wide, and the lowest are high.
    """
    sizes = [
        (width << (each.levels - number), height << (each.levels - number))
        for each in codings
        for number, (width, height) in enumerate(each.precincts)
    ]
    across, down = (min(size[axis] for size in sizes) for axis in (0, 1))
    places = -(-columns // across) * -(-rows // down)
    return places * len(codings) * max(len(each.precincts) for each in codings)
