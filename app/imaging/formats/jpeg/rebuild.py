"""Write JPEG streams anew from what was parsed.

libjpeg never sees the bytes of a caller. It gets tables, a header and scans that were parsed here,
so that it finds the same size, scans and colours, and nothing else.
"""

import struct
from typing import NamedTuple

from app.imaging.formats.jpeg.frame import ADOBE, PROGRESSIVE, Frame, Transform, write_frame
from app.imaging.formats.jpeg.segments import (
    APP14,
    BLOCK,
    DESCRIBING,
    DNL,
    EOI,
    SOI,
    SOS,
    TABLES,
    EndMissing,
    segments,
    write_segment,
    write_table,
)
from app.imaging.picture import TooManyPixels, UnreadableImage

MAX_SCANS = 50  # each takes a pass over all blocks, but few bytes; encoders write about 10
MAX_PASSES = 8  # over all coefficients together; encoders take at most 4

_MAX_POINT = 13  # maximum point transform of a first scan


class Rebuilt(NamedTuple):
    """A rebuilt stream, and where the image ends in the original."""

    stream: bytes
    end: int


class _Scan(NamedTuple):
    """The rebuilt header of a scan, and the size of the scan."""

    header: bytes
    coefficients: int  # number that it passes over
    bits: int  # at least


def rebuild(
    data: bytes, frame: Frame, transform: Transform, tables: tuple[bytes, ...] = ()
) -> Rebuilt:
    """Rebuild a stream, with components declared as `transform`, after tables from elsewhere.

    Raises `UnreadableImage` if it is truncated or a scan is invalid, and `TooManyPixels` if the
    scans pass over the coefficients more often than those of any encoder.
    """
    adobe = write_segment(APP14, ADOBE + struct.pack(">HHHB", 100, 0, 0, transform))
    parts: list[bytes | memoryview]
    parts = [bytes([0xFF, SOI]), adobe, *tables, *frame.tables, write_frame(frame)]
    end = _add_scans(parts, data, frame)
    return Rebuilt(b"".join(parts), end)


def _add_scans(parts: list[bytes | memoryview], data: bytes, frame: Frame) -> int:
    """Add the scans, the tables between them, and the end; return the position of the end."""
    whole = memoryview(data)  # a view, since most of the file is scans, which are copied only once
    scans, cost, coefficients = 0, 0, BLOCK * sum(map(frame.blocks, frame.components))
    pixels, least = 0, 0  # start of the current scan, and its least bits
    for segment in segments(data, frame.scan):
        if pixels:
            if 8 * (segment.at - pixels) < least:
                raise UnreadableImage("The JPEG image lacks pixels: the rest of it is missing.")
            parts.append(whole[pixels : segment.at])
            pixels = 0
        if segment.marker == SOS:
            scans += 1
            scan = _scan(segment.body, frame)
            cost, least = cost + scan.coefficients, scan.bits
            if scans > MAX_SCANS or cost > MAX_PASSES * coefficients:
                raise TooManyPixels("The JPEG image has too many scans, each over all its pixels.")
            parts.append(scan.header)
            pixels = segment.end
        elif segment.marker in TABLES:
            parts.append(write_table(segment))
        elif segment.marker == EOI:
            parts.append(bytes([0xFF, EOI]))
            return segment.end
        elif segment.marker not in (DNL, *DESCRIBING):
            raise UnreadableImage("The JPEG image has a header among its scans.")
    raise EndMissing("The JPEG image is truncated.")


def _scan(body: bytes, frame: Frame) -> _Scan:
    """Check the body of a scan header, and return the scan.

    In a sequential scan, each block has at least one bit for its DC and one for its AC
    coefficients. In a progressive one, only the DC coefficients have a bit in each block, since one
    code may stand for the AC coefficients of many blocks (T.81, F.1.2 and G.1.2).
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
    bits_a_block = 2 if frame.process != PROGRESSIVE else int(first == 0)
    least = bits_a_block * sum(frame.seen_blocks(known[name]) for name in names)
    selected = bytes([count]) + body[1 : 1 + 2 * count]
    header = write_segment(SOS, selected + bytes([first, last, precision]))
    return _Scan(header, blocks * (last - first + 1), least)


def _check_progression(first: int, last: int, high: int, low: int, count: int) -> None:
    """Check the rules of T.81, G.1.1.1: DC coefficients in scans of their own, AC coefficients of
    a single component, and refinements by one bit.
    """
    band = last == 0 if first == 0 else first <= last < BLOCK and count == 1
    if not band or low > _MAX_POINT or (high and high - 1 != low):
        raise UnreadableImage("A scan of the JPEG image makes no sense.")
