"""JPEG 2000 codestreams: read their headers, and check completeness and limits.

Decoders silently make up missing data, and allocate memory for anything that is declared. Markers
and segments are those of ITU-T T.800, annex A.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.imaging.formats.jp2.coding import Coding, Style, blocks, memory, precincts, steps
from app.imaging.picture import TooManyPixels, UnreadableImage, UnsupportedImage

START = b"\xff\x4f\xff\x51"
"""The markers that a codestream begins with: SOC and SIZ."""
END = b"\xff\xd9"
"""The marker that it ends with: EOC."""

WORKING = 8
"""Bytes that OpenJPEG uses per sample while it decodes."""

MAX_COMPONENTS = 4
MAX_LAYERS = 256
"""Maximum quality layers; encoders write one, or some tens. Each may take time for every few
pixels, even if it is empty.
"""
MAX_BLOCKS = 1 << 18
"""Maximum blocks of coefficients per component and tile: each takes memory, even if it is empty."""
TILE_BYTES = 1 << 14
"""Bytes that the decoder uses per tile besides its pixels, blocks and precincts."""
FREE_TILES, TILE_PIXELS = 1 << 10, 1 << 12
"""Tiles that any image may have, and pixels of the image for each further one."""
FREE_BYTES = 1 << 24
"""Bytes that blocks and precincts of a tile may take, even if the main header declares less."""
MAX_SEGMENTS, SEGMENTS_A_TILE = 10_000, 64
"""Header segments that any file may have, and for each of its tiles: each part of a tile may have
one or more with lengths of packets.
"""
MAX_PARTS = 255
"""Maximum parts of a tile."""
FREE_STEPS, STEPS_A_BYTE = 1 << 22, 16
"""Steps that a decoder may take to find precincts, in any image and for each of its bytes."""

_SOC_BYTES, _SOT_BYTES, _ORDER_BYTES = 2, 12, 7
_SIZ, _COD, _COC, _POC, _SOT, _SOD = (
    bytes([0xFF, each]) for each in (0x51, 0x52, 0x53, 0x5F, 0x90, 0x93)
)
# those of part 1, CAP, and CPF: a decoder may search unknown segments for others
_KNOWN = {bytes([0xFF, each]) for each in (0x50, 0x55, *range(0x57, 0x5A), *range(0x5C, 0x62))}
_KNOWN |= {_SIZ, _COD, _COC, b"\xff\x63", b"\xff\x64"}
_SPLIT = 0b101  # code-block styles: raw passes, and termination of each pass
_MOST_LEVELS, _MOST_EXPONENT = 32, 8
_WHOLE = (1 << 15, 1 << 15)  # the default precinct


class Component(NamedTuple):
    """The sample type of a component, and its subsampling in pixels."""

    bits: int
    is_signed: bool
    apart: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Head:
    """What the main header declares; sides are in pixels."""

    width: int
    height: int
    origin: tuple[int, int]
    """The offset of the image from the corner of the first tile, across and down."""
    tile: tuple[int, int]
    """The width and height of a tile."""
    components: tuple[Component, ...]
    codings: tuple[Coding, ...]
    """The coding of each component, unless a tile declares its own."""
    layers: int
    orders: int
    """The number of progression orders."""
    is_rotated: bool
    """Whether a component transform applies, which the decoder inverts."""
    end: int
    """The position of the first tile."""
    size: int
    """The length of the codestream, in bytes."""

    @property
    def grid(self) -> tuple[int, int]:
        """The number of tiles across and down."""
        right, bottom = self.origin[0] + self.width, self.origin[1] + self.height
        return -(-right // self.tile[0]), -(-bottom // self.tile[1])

    @property
    def tiles(self) -> int:
        """The number of tiles."""
        return self.grid[0] * self.grid[1]

    @property
    def is_reversible(self) -> bool:
        """Whether all components are coded without loss."""
        return all(each.is_reversible for each in self.codings)

    @property
    def more_bytes(self) -> int:
        """Bytes that decoding takes besides the samples."""
        style = Style(self.codings, self.layers, self.orders)
        return TILE_BYTES * self.tiles + memory(style, *self.largest, self.size)

    @property
    def largest(self) -> tuple[int, int]:
        """The sides of the largest part of the image within one tile."""
        across, down = self.grid
        return (
            max(self._extent(0, place) for place in {0, min(1, across - 1), across - 1}),
            max(self._extent(1, place) for place in {0, min(1, down - 1), down - 1}),
        )

    def sides(self, tile: int) -> tuple[int, int]:
        """Return the sides of the part of the image within a tile."""
        down, across = divmod(tile, self.grid[0])
        return self._extent(0, across), self._extent(1, down)

    def _extent(self, axis: int, place: int) -> int:
        start = self.tile[axis] * place - self.origin[axis]
        return min(start + self.tile[axis], (self.width, self.height)[axis]) - max(start, 0)


class _Segment(NamedTuple):
    marker: bytes
    body: bytes
    end: int


def read_head(stream: bytes, free: int = MAX_SEGMENTS) -> Head:
    """Read the main header, of `free` segments at most.

    Raises UnreadableImage, and UnsupportedImage for too many segments or components.
    """
    if stream[: len(START)] != START:
        raise UnreadableImage("The JPEG 2000 image has no beginning.")
    size, *others = _segments(stream, _SOC_BYTES, len(stream), free)
    right, bottom, left, top, across, down, first, upper, count = struct.unpack_from(
        ">2x8IH", size.body
    )
    if not 0 < count <= MAX_COMPONENTS:
        raise UnsupportedImage(
            f"The JPEG 2000 image has {count} components; at most {MAX_COMPONENTS} are taken."
        )
    cod = next((each for each in others if each.marker == _COD), None)
    makes_sense = first <= left < right and upper <= top < bottom and across and down
    if cod is None or len(size.body) != 36 + 3 * count or not makes_sense:
        raise UnreadableImage("The JPEG 2000 image is damaged.")
    style = _styled(others, Style((_coding(cod),) * count, 0, 1))
    return Head(
        width=right - left,
        height=bottom - top,
        origin=(left - first, top - upper),
        tile=(across, down),
        components=tuple(
            Component((depth & 127) + 1, depth > 127, (step, line))
            for depth, step, line in struct.iter_unpack("BBB", size.body[36:])
        ),
        codings=style.codings,
        layers=style.layers,
        orders=style.orders,
        is_rotated=cod.body[4] == 1,
        end=others[-1].end,
        size=len(stream),
    )


def check(stream: bytes, head: Head, free: int = MAX_SEGMENTS) -> int:
    """Return the end of a codestream, before its end marker.

    Headers of tiles may have SEGMENTS_A_TILE segments each, and `free` more in total. Raises
    UnreadableImage if a tile is missing, and UnsupportedImage and TooManyPixels for whatever would
    exceed the limits of memory or time.
    """
    if head.tiles > max(FREE_TILES, head.width * head.height // TILE_PIXELS):
        raise TooManyPixels("The JPEG 2000 image has too many tiles for its size.")
    common = Style(head.codings, head.layers, head.orders)
    styles, position, parts, segments = dict[int, Style](), head.end, 0, 0
    most = free + SEGMENTS_A_TILE * head.tiles
    while stream[position : position + 2] == _SOT:
        tile, size = struct.unpack_from(">HI", stream, position + 4)
        end = position + max(size, _SOT_BYTES) if size else len(stream)
        parts += 1
        if tile >= head.tiles or parts > MAX_PARTS * head.tiles:
            raise UnreadableImage("The JPEG 2000 image is damaged.")
        found = list(_segments(stream, position + _SOT_BYTES, min(end, len(stream)), most))
        segments += len(found)
        if segments > most:
            raise _too_many_segments(most)
        if tile in styles and any(each.marker in (_COD, _COC) for each in found):
            raise UnreadableImage("The JPEG 2000 image is damaged.")
        styles[tile] = _styled(found, styles.get(tile, common))
        if not size:  # the last part extends to the end
            position = stream.rfind(END, position)
            break
        position = end
    if not 0 <= position <= len(stream):
        raise UnreadableImage("The JPEG 2000 image is truncated.")
    if len(styles) < head.tiles:
        raise UnreadableImage("The JPEG 2000 image lacks pixels.")
    _check_tiles(styles, head, len(stream))
    return position


def _segments(stream: bytes, position: int, last: int, most: int) -> Iterator[_Segment]:
    """Yield the segments of a header, up to the first tile or the samples of a tile.

    None may end after `last`, and their number is limited.
    """
    for _ in range(most):
        marker = stream[position : position + 2]
        if position == last or marker in (_SOT, _SOD):
            return
        end = position + 2 + max(2, int.from_bytes(stream[position + 2 : position + 4], "big"))
        if marker[:1] != b"\xff" or end > last:
            raise UnreadableImage("The JPEG 2000 image is damaged.")
        if marker not in _KNOWN:
            raise UnsupportedImage("The JPEG 2000 image has segments that are not of part 1.")
        yield _Segment(marker, stream[position + 4 : end], end)
        position = end
    raise _too_many_segments(most)


def _too_many_segments(most: int) -> UnsupportedImage:
    return UnsupportedImage(f"The JPEG 2000 image has more than {most} segments.")


def _styled(segments: list[_Segment], style: Style) -> Style:
    """Return a style updated by a header: COD applies to all components, COC to one after that."""
    codings, layers, orders = list(style.codings), style.layers, style.orders
    seen = set[bytes]()
    for each in segments:
        if each.marker == _POC:
            orders += len(each.body) // _ORDER_BYTES
        if each.marker not in (_COD, _COC):
            continue
        name = each.marker + (each.body[:1] if each.marker == _COC else b"")
        is_late = each.marker == _COD and bool(seen)  # decoders let it override earlier segments
        if is_late or name in seen:
            raise UnreadableImage("The JPEG 2000 image is damaged.")
        seen.add(name)
        if each.marker == _COD:
            codings, layers = [_coding(each)] * len(codings), int.from_bytes(each.body[2:4], "big")
        else:
            codings[each.body[0]] = _coding(each)
    return Style(tuple(codings), layers, orders)


def _coding(segment: _Segment) -> Coding:
    """Read the coding that COD declares for all components, or COC for one."""
    start = 5 if segment.marker == _COD else 2
    levels, across, down, kind, transform = segment.body[start : start + 5]
    if levels > _MOST_LEVELS or across + down > _MOST_EXPONENT:
        raise UnreadableImage("The JPEG 2000 image is damaged.")
    precincts = (_WHOLE,) * (levels + 1)
    if segment.body[start - (5 if segment.marker == _COD else 1)] & 1:
        stated = segment.body[start + 5 : start + 6 + levels]
        precincts = tuple((1 << (each & 15), 1 << (each >> 4)) for each in stated)
    if len(precincts) <= levels:
        raise UnreadableImage("The JPEG 2000 image is damaged.")
    return Coding(levels, (4 << across, 4 << down), precincts, transform == 1, bool(kind & _SPLIT))


def _check_tiles(styles: Mapping[int, Style], head: Head, size: int) -> None:
    """Refuse tiles that together need more packets than the file can contain.

    There is a packet per precinct and layer, and it takes at least a byte (B.9, B.10).
    """
    packets = searches = 0
    most = max(FREE_BYTES, head.more_bytes)
    for tile, style in styles.items():
        codings, layers, orders = style
        sides = head.sides(tile)
        packets += layers * sum(precincts(each, *sides) for each in codings)
        searches += orders * steps(codings, *sides)
        if layers > MAX_LAYERS:
            raise UnsupportedImage(f"The JPEG 2000 image has more than {MAX_LAYERS} layers.")
        if packets > size:
            raise UnreadableImage("The JPEG 2000 image lacks pixels.")
        if max(blocks(each, *sides) for each in codings) > MAX_BLOCKS:
            raise UnsupportedImage("The JPEG 2000 image has too many blocks for its size.")
        if memory(style, *sides, size) > most:
            raise UnsupportedImage("The JPEG 2000 image has a tile that is unlike the others.")
        if searches > FREE_STEPS + STEPS_A_BYTE * size:
            raise UnsupportedImage("The JPEG 2000 image has precincts in too many places.")
