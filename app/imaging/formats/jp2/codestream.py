"""JPEG 2000 codestreams: what they declare, and that nothing of them is missing or beyond measure.

Decoders make up what is missing, without a word, and make room for whatever is declared. Markers
and segments are those of ITU-T T.800, annex A.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from app.imaging.picture import TooManyPixels, UnreadableImage, UnsupportedImage

START = b"\xff\x4f\xff\x51"
"""The markers that a codestream begins with: SOC and SIZ."""
END = b"\xff\xd9"
"""The marker that it ends with: EOC."""

MAX_COMPONENTS = 4
MAX_LAYERS = 256
"""Quality layers; encoders write one, or some tens. Each may take time for every few pixels, even
where nothing is in it.
"""
MAX_BLOCKS = 1 << 18
"""Blocks of coefficients that a component may have: each takes memory, even where it is empty."""
BLOCK_BYTES, PRECINCT_BYTES, TILE_BYTES = 640, 2048, 1 << 14
"""What a block, a precinct and a tile take in the decoder beside their pixels."""
FREE_TILES, TILE_PIXELS = 1 << 10, 1 << 12
"""Tiles that any image may have, and for how many of its pixels there may be one."""
MAX_SEGMENTS = 10_000
"""Segments of a header."""

_COD, _COC, _SOT, _SOD = (bytes([0xFF, each]) for each in (0x52, 0x53, 0x90, 0x93))
_SOT_BYTES = 12
_MOST_LEVELS, _MOST_EXPONENT = 32, 8
_WHOLE = (1 << 15, 1 << 15)  # a precinct where none is stated


class Component(NamedTuple):
    """How the samples of a component are stored, and how many pixels they are apart."""

    bits: int
    is_signed: bool
    apart: tuple[int, int]


class Coding(NamedTuple):
    """How components are coded."""

    levels: int
    """Of decomposition."""
    block: int
    """Coefficients of a block."""
    precincts: list[tuple[int, int]]
    """Columns and rows at each resolution, from the lowest."""
    is_reversible: bool
    """Whether the transform is one without loss."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the main header declares; sides are in pixels."""

    width: int
    height: int
    origin: tuple[int, int]
    """How far to the right of the first tile's corner the image begins, and how far below it."""
    tile: tuple[int, int]
    """The sides of a tile."""
    components: tuple[Component, ...]
    coding: Coding
    layers: int
    is_rotated: bool
    """Whether colours are rotated, and the decoder rotates them back."""
    end: int
    """The position of the first tile."""

    @property
    def grid(self) -> tuple[int, int]:
        """Tiles across and down."""
        right, bottom = self.origin[0] + self.width, self.origin[1] + self.height
        return -(-right // self.tile[0]), -(-bottom // self.tile[1])

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return self.grid[0] * self.grid[1]

    @property
    def more_bytes(self) -> int:
        """What decoding takes beside samples."""
        blocks = self.width * self.height // self.coding.block
        each = BLOCK_BYTES * blocks + PRECINCT_BYTES * _precincts(self.coding, self, 0)
        return TILE_BYTES * self.tiles + each * len(self.components)


class _Segment(NamedTuple):
    marker: bytes
    body: bytes
    end: int


def read_head(stream: bytes) -> Head:
    """Read the main header; raises UnreadableImage, and UnsupportedImage for many components."""
    if stream[: len(START)] != START:
        raise UnreadableImage("The JPEG 2000 image has no beginning.")
    size, *others = _segments(stream, 2)
    right, bottom, left, top, across, down, first, upper, count = struct.unpack_from(
        ">2x8IH", size.body
    )
    if not 0 < count <= MAX_COMPONENTS:
        raise UnsupportedImage(
            f"The JPEG 2000 image has {count} components; at most {MAX_COMPONENTS} are taken."
        )
    told = next((each for each in others if each.marker == _COD), None)
    makes_sense = first <= left < right and upper <= top < bottom and across and down
    if told is None or len(size.body) != 36 + 3 * count or not makes_sense:
        raise UnreadableImage("The JPEG 2000 image is damaged.")
    return Head(
        right - left,
        bottom - top,
        (left - first, top - upper),
        (across, down),
        tuple(
            Component((depth & 127) + 1, depth > 127, (step, line))
            for depth, step, line in struct.iter_unpack("BBB", size.body[36:])
        ),
        _coding(told),
        _layers(told),
        told.body[4] == 1,
        others[-1].end,
    )


def check(stream: bytes, head: Head) -> int:
    """Return where a codestream ends, the marker that says so not counted.

    Raises UnreadableImage if a tile is missing, and UnsupportedImage and TooManyPixels for what
    would take more memory or time than it may.
    """
    if head.tiles > max(FREE_TILES, head.width * head.height // TILE_PIXELS):
        raise TooManyPixels("The JPEG 2000 image has too many tiles for its size.")
    _check_codings(stream, head, _segments(stream, 2), 0)
    there, position = set(), head.end
    while stream[position : position + 2] == _SOT:
        tile, size = struct.unpack_from(">HI", stream, position + 4)
        if tile >= head.tiles:
            raise UnreadableImage("The JPEG 2000 image is damaged.")
        _check_codings(stream, head, _segments(stream, position + _SOT_BYTES), tile)
        there.add(tile)
        if not size:  # the last, up to the end
            position = stream.rfind(END)
            break
        position += max(size, _SOT_BYTES)
    if not 0 <= position <= len(stream):
        raise UnreadableImage("The JPEG 2000 image is truncated.")
    if len(there) < head.tiles:
        raise UnreadableImage("The JPEG 2000 image lacks pixels.")
    return position


def _segments(stream: bytes, position: int) -> Iterator[_Segment]:
    """Each segment of a header, up to the first tile or to the samples of one."""
    for _ in range(MAX_SEGMENTS):
        marker = stream[position : position + 2]
        if marker in (_SOT, _SOD):
            return
        end = position + 2 + max(2, int.from_bytes(stream[position + 2 : position + 4], "big"))
        if marker[:1] != b"\xff" or end > len(stream):
            raise UnreadableImage("The JPEG 2000 image is damaged.")
        yield _Segment(marker, stream[position + 4 : end], end)
        position = end
    raise UnsupportedImage(f"The JPEG 2000 image has more than {MAX_SEGMENTS} segments.")


def _coding(segment: _Segment) -> Coding:
    """Read what COD says of all components, or COC of one."""
    start = 5 if segment.marker == _COD else 2
    levels, across, down, _, transform = segment.body[start : start + 5]
    if levels > _MOST_LEVELS or across + down > _MOST_EXPONENT:
        raise UnreadableImage("The JPEG 2000 image is damaged.")
    precincts = [_WHOLE] * (levels + 1)
    if segment.body[start - (5 if segment.marker == _COD else 1)] & 1:
        stated = segment.body[start + 5 : start + 6 + levels]
        precincts = [(1 << (each & 15), 1 << (each >> 4)) for each in stated]
    return Coding(levels, 16 << (across + down), precincts, transform == 1)


def _layers(segment: _Segment) -> int:
    return int.from_bytes(segment.body[2:4], "big")


def _check_codings(stream: bytes, head: Head, segments: Iterable[_Segment], tile: int) -> None:
    """Refuse what the header of a tile declares, or the main one, if it is beyond measure.

    There is a packet for each precinct in each layer, and it takes a byte or more (B.9, B.10).
    """
    for each in segments:
        if each.marker not in (_COD, _COC):
            continue
        coding, layers = _coding(each), head.layers
        if each.marker == _COD:
            layers = _layers(each)
        if layers > MAX_LAYERS:
            raise UnsupportedImage(f"The JPEG 2000 image has more than {MAX_LAYERS} layers.")
        if head.width * head.height // coding.block > MAX_BLOCKS:
            raise UnsupportedImage("The JPEG 2000 image has too many blocks for its size.")
        if layers * _precincts(coding, head, tile) > len(stream):
            raise UnreadableImage("The JPEG 2000 image lacks pixels.")


def _precincts(coding: Coding, head: Head, tile: int) -> int:
    """Return how many precincts a component has in a tile, at least."""
    down, across = divmod(tile, head.grid[0])
    columns, rows = (
        min(head.tile[axis] * (place + 1) - head.origin[axis], side)
        - max(head.tile[axis] * place - head.origin[axis], 0)
        for axis, (place, side) in enumerate(((across, head.width), (down, head.height)))
    )
    return sum(
        -(-(columns >> below) // width) * -(-(rows >> below) // height)
        for below, (width, height) in zip(
            range(coding.levels, -1, -1), coding.precincts, strict=True
        )
    )
