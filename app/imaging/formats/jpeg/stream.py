"""The structure of JPEG streams: read and checked segment by segment, and written anew.

libjpeg never sees a caller's bytes as they came. It is given tables, a header and scans that were
understood here, so that it finds the size, the scans and the colours that were found here, and
nothing else. Markers are those of ITU-T T.81, table B.1; its annex B has the segments.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from app.imaging.picture import TooManyPixels, UnreadableImage, UnsupportedImage

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
DHT, DQT, DRI, DNL = 0xC4, 0xDB, 0xDD, 0xDC
APP0, APP1, APP2, APP13, APP14, COM = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
DESCRIBING = (*range(APP0, 0xF0), COM)
JFIF, ADOBE = b"JFIF\0", b"Adobe"

MAX_BODY = 65_533  # bytes in a segment
MAX_SEGMENTS = 10_000
MAX_SCANS = 50  # each costs a pass over all blocks, and takes few bytes; encoders write about 10
MAX_PASSES = 8  # over all coefficients together; encoders take at most 4

_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
PROGRESSIVE = 0xC2
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_TABLES = (DHT, DQT, DRI)
_HEADER_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # not stuffing, fill bytes or a restart
_MAX_POINT = 13  # the lowest bit that a first scan may begin with
BLOCK = 64  # coefficients


class EndMissing(Exception):
    """A stream breaks off before its end marker; its pixels may be there all the same."""


class Transform(IntEnum):
    """What the components are, in the numbers of Adobe's segment."""

    NONE = 0  # RGB or CMYK
    YCC = 1
    YCCK = 2


class Segment(NamedTuple):
    """A marker, where it stands, its segment's contents, and where that ends."""

    marker: int
    at: int
    body: bytes
    end: int


class Rebuilt(NamedTuple):
    """A stream that was written anew, and where the image ends in the one that was read."""

    stream: bytes
    end: int


class Component(NamedTuple):
    """A component of a frame: its name, its sampling factors, its quantisation table."""

    name: int
    across: int
    down: int
    table: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A stream's header: all that precedes the first scan."""

    width: int
    height: int
    process: int  # the marker of the frame
    components: tuple[Component, ...]
    tables: tuple[bytes, ...] = field(repr=False)  # whole segments
    described: tuple[tuple[int, bytes], ...] = field(repr=False)  # markers and contents
    scan: int = 0  # offset of the first scan's marker

    @property
    def is_jfif(self) -> bool:
        """Whether a JFIF segment says that the components are grey or YCbCr."""
        return any(
            marker == APP0 and body.startswith(JFIF) and len(body) >= 14
            for marker, body in self.described
        )

    @property
    def adobe(self) -> int | None:
        """The transform that the last of Adobe's segments names."""
        named = (
            body[11]
            for marker, body in reversed(self.described)
            if marker == APP14 and body.startswith(ADOBE) and len(body) >= 12
        )
        return next(named, None)

    @property
    def transform(self) -> Transform:
        """What the components are: by JFIF, Adobe or their names, in libjpeg's order of trust."""
        if len(self.components) == 4:
            return Transform.YCCK if self.adobe else Transform.NONE
        if self.is_jfif:
            return Transform.YCC
        if self.adobe is not None:
            return Transform.YCC if self.adobe else Transform.NONE
        names = bytes(component.name for component in self.components)
        return Transform.NONE if names == b"RGB" else Transform.YCC

    def blocks(self, component: Component) -> int:
        """Blocks of 8 x 8 coefficients that a component has, with those that fill up the edges."""
        across = max(each.across for each in self.components)
        down = max(each.down for each in self.components)
        units = -(-self.width // (8 * across)) * -(-self.height // (8 * down))
        return units * component.across * component.down

    def seen_blocks(self, component: Component) -> int:
        """Blocks that a component has in a scan of its own, without those that fill up the edges
        of others (T.81, A.2.2).
        """
        across = max(each.across for each in self.components)
        down = max(each.down for each in self.components)
        width = -(-self.width * component.across // across)
        height = -(-self.height * component.down // down)
        return -(-width // 8) * -(-height // 8)


def write_segment(marker: int, body: bytes) -> bytes:
    """Return a segment with its marker and length."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def read_frame(data: bytes) -> Frame:
    """Read the segments before the first scan.

    Raises `UnsupportedImage` for processes and samples that are not taken, and `UnreadableImage`
    for what T.81 does not allow.
    """
    frames: list[Segment] = []
    tables: list[bytes] = []
    described: list[tuple[int, bytes]] = []
    for segment in segments(data, 2):
        marker, body = segment.marker, segment.body
        if marker == SOS:
            return _frame(frames, tables, described, segment.at)
        if marker in _OTHER_FRAMES:
            raise UnsupportedImage("The JPEG image is lossless, arithmetic-coded or hierarchical.")
        if marker in _FRAMES:
            frames.append(segment)
        elif marker in _TABLES:
            tables.append(_table(segment))
        elif marker in DESCRIBING:
            described.append((marker, body))
        elif marker != DNL:
            break
    raise UnreadableImage("The JPEG image ends before its pixels begin.")


def read_tables(data: bytes) -> tuple[bytes, ...]:
    """Return the segments of a stream that holds nothing but tables, for other streams to use."""
    tables = []
    for segment in segments(data, 2):
        if segment.marker in _TABLES:
            tables.append(_table(segment))
        elif segment.marker == EOI:
            return tuple(tables)
        elif segment.marker not in DESCRIBING:
            break
    raise UnreadableImage("The tables of the JPEG image are damaged.")


def rebuild(
    data: bytes, frame: Frame, transform: Transform, tables: tuple[bytes, ...] = ()
) -> Rebuilt:
    """Return the stream anew, its components being what `transform` says, behind tables from
    elsewhere.

    Raises `UnreadableImage` where it is cut off or a scan makes no sense, and `TooManyPixels` where
    the scans go over the coefficients more often than any encoder has them do.
    """
    adobe = write_segment(APP14, ADOBE + struct.pack(">HHHB", 100, 0, 0, transform))
    parts: list[bytes | memoryview]
    parts = [bytes([0xFF, SOI]), adobe, *tables, *frame.tables, _frame_segment(frame)]
    end = _add_scans(parts, data, frame)
    return Rebuilt(b"".join(parts), end)


def segments(data: bytes, position: int) -> Iterator[Segment]:
    """Each segment from `position` on, up to the end of the image, past the pixels of scans."""
    in_scan = False
    for _ in range(MAX_SEGMENTS):
        found = (_SCAN_END if in_scan else _HEADER_MARKER).search(data, position)
        if found is None:
            raise EndMissing("The JPEG image is truncated.")
        marker, start = found[0][1], found.end()
        if marker == EOI:
            yield Segment(marker, found.start(), b"", start)
            return
        if marker < 0xC0 or SOI >= marker >= 0xD0 or marker in range(0xF0, COM):
            raise UnreadableImage(f"The JPEG image has a marker FF {marker:02X} out of place.")
        (length,) = struct.unpack_from(">H", data, start)
        position, in_scan = start + length, marker == SOS
        if length < 2 or position > len(data):
            raise UnreadableImage("The JPEG image is truncated.")
        yield Segment(marker, found.start(), data[start + 2 : position], position)
    raise UnreadableImage(f"The JPEG image has more than {MAX_SEGMENTS} segments.")


def _frame(
    frames: list[Segment], tables: list[bytes], described: list[tuple[int, bytes]], scan: int
) -> Frame:
    if len(frames) != 1:
        raise UnreadableImage("The JPEG image has no header, or several.")
    ((marker, _, body, _),) = frames
    precision, height, width, count = struct.unpack_from(">BHHB", body)
    if precision != 8 or count not in (1, 3, 4):
        raise UnsupportedImage(f"A JPEG of {count} x {precision} bits is not supported.")
    if len(body) != 6 + 3 * count:
        raise UnreadableImage("The header of the JPEG image is damaged.")
    components = tuple(
        Component(name, factors >> 4, factors & 15, table)
        for name, factors, table in struct.iter_unpack("BBB", body[6:])
    )
    factors = [factor for each in components for factor in (each.across, each.down)]
    names = {component.name for component in components}
    if not all(1 <= factor <= 4 for factor in factors) or len(names) != count:
        raise UnreadableImage("The components of the JPEG image make no sense.")
    return Frame(width, height, marker, components, tuple(tables), tuple(described), scan)


def _frame_segment(frame: Frame) -> bytes:
    head = struct.pack(">BHHB", 8, frame.height, frame.width, len(frame.components))
    body = [
        bytes([name, across << 4 | down, table]) for name, across, down, table in frame.components
    ]
    return write_segment(frame.process, head + b"".join(body))


def _table(segment: Segment) -> bytes:
    """Return a segment of tables, once it is known to hold whole ones."""
    marker, body = segment.marker, segment.body
    position = 0
    while marker != DRI and position < len(body):
        number = body[position] & 15
        if number > 3 or body[position] > 31:
            break
        if marker == DQT:
            position += 1 + (BLOCK << (body[position] >> 4))
        else:
            position += 17 + sum(body[position + 1 : position + 17])
    if position != (0 if marker == DRI else len(body)) or (marker == DRI and len(body) != 2):
        raise UnreadableImage("A table of the JPEG image is damaged.")
    return write_segment(marker, body)


def _add_scans(parts: list[bytes | memoryview], data: bytes, frame: Frame) -> int:
    """Add the scans with the tables between them, and the end; return where that is."""
    whole = memoryview(data)  # most of the file lies between two segments: not to be copied twice
    scans, cost, coefficients = 0, 0, BLOCK * sum(map(frame.blocks, frame.components))
    pixels, least = 0, 0  # where those of a scan that has been begun are, and how many bits
    for segment in segments(data, frame.scan):
        if pixels:
            if 8 * (segment.at - pixels) < least:
                raise UnreadableImage("The JPEG image lacks pixels: the rest of it is missing.")
            parts.append(whole[pixels : segment.at])
            pixels = 0
        if segment.marker == SOS:
            scans += 1
            header, work, least = _scan(segment.body, frame)
            cost += work
            if scans > MAX_SCANS or cost > MAX_PASSES * coefficients:
                raise TooManyPixels("The JPEG image has too many scans, each over all its pixels.")
            parts.append(header)
            pixels = segment.end
        elif segment.marker in _TABLES:
            parts.append(_table(segment))
        elif segment.marker == EOI:
            parts.append(bytes([0xFF, EOI]))
            return segment.end
        elif segment.marker not in (DNL, *DESCRIBING):
            raise UnreadableImage("The JPEG image has a header among its scans.")
    raise EndMissing("The JPEG image is truncated.")


def _scan(body: bytes, frame: Frame) -> tuple[bytes, int, int]:
    """Return a scan's header anew, how many coefficients the scan goes over, and its least bits.

    The mean of each block takes a bit at least, and so do all other coefficients of it where blocks
    without any cannot be told of in common (T.81, F.1.2 and G.1.2).
    """
    count = body[0] if body else 0
    known = {component.name: component for component in frame.components}
    if not 1 <= count <= len(known) or len(body) != 4 + 2 * count:
        raise UnreadableImage("A scan of the JPEG image is damaged.")
    chosen = list(struct.iter_unpack("BB", body[1 : 1 + 2 * count]))
    names = {name for name, _ in chosen}
    if not names <= known.keys() or len(names) != count:
        raise UnreadableImage("A scan of the JPEG image names components that are missing.")
    first, last, precision = (0, BLOCK - 1, 0)
    if frame.process == PROGRESSIVE:
        first, last, precision = body[-3:]
        _check_progression(first, last, precision >> 4, precision & 15, count)
    blocks = sum(frame.blocks(known[name]) for name in names)
    each = 2 if frame.process != PROGRESSIVE else 1 if first == 0 else 0
    least = each * sum(frame.seen_blocks(known[name]) for name in names)
    selected = bytes([count]) + body[1 : 1 + 2 * count]
    header = write_segment(SOS, selected + bytes([first, last, precision]))
    return header, blocks * (last - first + 1), least


def _check_progression(first: int, last: int, high: int, low: int, count: int) -> None:
    """T.81, G.1.1.1: the mean comes alone, else one component, and bit by bit."""
    band = last == 0 if first == 0 else first <= last < BLOCK and count == 1
    if not band or low > _MAX_POINT or (high and high - 1 != low):
        raise UnreadableImage("A scan of the JPEG image makes no sense.")
