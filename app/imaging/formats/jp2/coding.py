"""The coding of the components of a JPEG 2000, and what it costs a decoder.

Blocks, precincts and layers are those of ITU-T T.800, annex B.
"""

from functools import lru_cache
from typing import NamedTuple

BLOCK_BYTES, PRECINCT_BYTES = 640, 2048
"""Bytes that the decoder uses per block and per precinct, besides their pixels."""
SEGMENT_BYTES, PASSES, SEGMENT_BITS = 64, 164, 3
"""Bytes per segment of a block, the segments that a layer may add if each pass may be one, and the
bits of the file that state the length of one.
"""


class Coding(NamedTuple):
    """The coding of a component."""

    levels: int
    """The levels of decomposition."""
    block: tuple[int, int]
    """Columns and rows of coefficients in a block."""
    precincts: tuple[tuple[int, int], ...]
    """Columns and rows of a precinct at each resolution, from the lowest."""
    is_reversible: bool
    """Whether the transform is reversible."""
    is_split: bool
    """Whether passes of a block may be separate segments: raw ones, or all."""


class Style(NamedTuple):
    """The coding of all components, in a tile or by default."""

    codings: tuple[Coding, ...]
    layers: int
    orders: int
    """The number of progression orders."""


def memory(style: Style, columns: int, rows: int, size: int) -> int:
    """Return the bytes that blocks and precincts of a tile take, in a file of `size` bytes."""
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
    """Return the number of blocks of a component; blocks end at precinct boundaries."""
    count = 0
    for number, (width, height) in enumerate(coding.precincts):
        below, halved = coding.levels - number, int(number > 0)  # precincts are halved in subbands
        across = min(coding.block[0], max(1, width >> halved))
        down = min(coding.block[1], max(1, height >> halved))
        area = (columns >> below) * (rows >> below)
        count += (area - area // 4 * halved) // (across * down)
    return count


@lru_cache
def precincts(coding: Coding, columns: int, rows: int) -> int:
    """Return a lower bound of the number of precincts of a component."""
    return sum(
        -(-(columns >> below) // width) * -(-(rows >> below) // height)
        for below, (width, height) in zip(
            range(coding.levels, -1, -1), coding.precincts, strict=True
        )
    )


@lru_cache
def steps(codings: tuple[Coding, ...], columns: int, rows: int) -> int:
    """Return how many places a decoder searches for precincts, in an order by their positions.

    Positions are as far apart as the smallest precincts are wide and high; at each, the decoder
    tries all resolutions of all components.
    """
    sizes = [
        (width << (each.levels - number), height << (each.levels - number))
        for each in codings
        for number, (width, height) in enumerate(each.precincts)
    ]
    across, down = (min(size[axis] for size in sizes) for axis in (0, 1))
    places = -(-columns // across) * -(-rows // down)
    return places * len(codings) * max(len(each.precincts) for each in codings)
