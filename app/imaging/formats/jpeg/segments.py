"""Find, check and write the segments of JPEG streams.

Markers are those of ITU-T T.81, table B.1; its annex B defines the segments.
"""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from app.imaging.picture import UnreadableImage, UnsupportedImage

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
DHT, DQT, DRI, DNL = 0xC4, 0xDB, 0xDD, 0xDC
APP0, APP1, APP2, APP13, APP14, COM = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
JPEG_LS = 0xF7  # the frame of ITU-T T.87
DESCRIBING = (*range(APP0, 0xF0), COM)
TABLES = (DHT, DQT, DRI)

MAX_BODY = 65_533  # maximum bytes in a segment
MAX_SEGMENTS = 10_000
BLOCK = 64  # coefficients

_HEADER_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # not stuffing, fill bytes or a restart


class EndMissing(Exception):
    """A stream is truncated before its end marker; its pixels may still be complete."""


class Segment(NamedTuple):
    """A marker, its position, the contents of its segment, and where that ends."""

    marker: int
    at: int
    body: bytes
    end: int


def segments(data: bytes, position: int) -> Iterator[Segment]:
    """Yield each segment from `position` to the end of the image, skipping the pixels of scans."""
    in_scan = False
    for _ in range(MAX_SEGMENTS):
        found = (_SCAN_END if in_scan else _HEADER_MARKER).search(data, position)
        if found is None:
            raise EndMissing("The JPEG image is truncated.")
        marker, start = found[0][1], found.end()
        if marker == EOI:
            yield Segment(marker, found.start(), b"", start)
            return
        if marker == JPEG_LS:
            raise UnsupportedImage("A JPEG-LS image is not supported; convert it to PNG or TIFF.")
        if marker < 0xC0 or SOI >= marker >= 0xD0 or marker in range(0xF0, COM):
            raise UnreadableImage(f"The JPEG image has a marker FF {marker:02X} out of place.")
        (length,) = struct.unpack_from(">H", data, start)
        position, in_scan = start + length, marker == SOS
        if length < 2 or position > len(data):
            raise UnreadableImage("The JPEG image is truncated.")
        yield Segment(marker, found.start(), data[start + 2 : position], position)
    raise UnreadableImage(f"The JPEG image has more than {MAX_SEGMENTS} segments.")


def write_segment(marker: int, body: bytes) -> bytes:
    """Return a segment with its marker and length."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def write_table(segment: Segment) -> bytes:
    """Return a segment of tables, after checking that they are complete."""
    marker, body = segment.marker, segment.body
    if not (len(body) == 2 if marker == DRI else _holds_whole_tables(marker, body)):
        raise UnreadableImage("A table of the JPEG image is damaged.")
    return write_segment(marker, body)


def _holds_whole_tables(marker: int, body: bytes) -> bool:
    position = 0
    while position < len(body):
        number, kind = body[position] & 15, body[position] >> 4
        if number > 3 or kind > 1:
            return False
        if marker == DQT:
            position += 1 + (BLOCK << kind)
        else:
            position += 17 + sum(body[position + 1 : position + 17])
    return position == len(body)


def read_tables(data: bytes) -> tuple[bytes, ...]:
    """Return the segments of a stream that contains only tables, for use by other streams."""
    tables = []
    for segment in segments(data, 2):
        if segment.marker in TABLES:
            tables.append(write_table(segment))
        elif segment.marker == EOI:
            return tuple(tables)
        elif segment.marker not in DESCRIBING:
            break
    raise UnreadableImage("The tables of the JPEG image are damaged.")
