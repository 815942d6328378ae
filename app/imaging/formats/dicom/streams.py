"""The coded frames of a DICOM: how large they say they are, and that nothing of them is missing.

Decoders make up what is missing, without a word. Markers are those of ITU-T T.81, table B.1, of
T.87, and of T.800, annex A.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from app.imaging.formats.jpeg.frame import PROGRESSIVE
from app.imaging.formats.jpeg.segments import BLOCK, EOI, MAX_SEGMENTS, SOS
from app.imaging.picture import UnreadableImage, UnsupportedImage

_FRAMES = (*range(0xC0, 0xC4), 0xF7)  # of a JPEG, and of a JPEG-LS
_LOSSLESS = 0xC3
_SIZE = re.compile(
    rb"\xff\x4f\xff\x51..(?:..)(.{4})(.{4})(.{4})(.{4})(.{4})(.{4})(.{4})(.{4})", re.S
)
"""The beginning of a JPEG 2000 stream: how far its grid goes, where the image begins in it, and the
same of its tiles: how large they are, and where the first begins.
"""
_MAIN, _TILE = 2, b"\xff\x90"  # bytes before the main header, and the marker of a part of a tile
_TILE_HEAD = 12
_CODING, _DATA = b"\xff\x52", b"\xff\x93"  # markers in headers; the latter ends that of a tile
MAX_LAYERS = 256
"""Quality layers of a JPEG 2000; encoders write one, or some tens. Each may take time for every few
pixels, even where nothing is in it.
"""


class _Segment(NamedTuple):
    marker: int
    start: int  # of what follows its length
    end: int


def sides_of_jpeg(stream: bytes) -> tuple[int, int] | None:
    """Return rows and columns, by the frame header of a JPEG or JPEG-LS."""
    frame = next((each for each in _segments(stream) if each.marker in _FRAMES), None)
    if frame is None:
        return None
    rows, columns = (_number(stream, frame.start + at, 2) for at in (1, 3))
    return rows, columns


def check_jpeg(stream: bytes, samples: int) -> None:
    """Raise UnreadableImage for a JPEG without an end, or of fewer bits than so many samples take.

    `samples` are those that there are at least. Each of a lossless stream takes a bit or more; else
    each block does, or two unless it is progressive (T.81, F.1.2, G.1.2 and H.1.2).
    """
    markers = {each.marker: each for each in _segments(stream)}
    bits = 8 * check_end(stream)
    blocks = samples // BLOCK * (1 if PROGRESSIVE in markers else 2)
    if bits < (samples if _LOSSLESS in markers else blocks):
        raise UnreadableImage("The DICOM has a frame that lacks pixels.")


def check_end(stream: bytes) -> int:
    """Return the bytes of a JPEG or JPEG-LS from its first scan to its end marker.

    Raises UnreadableImage where it has none: CharLS takes zeros for what is missing, and counts two
    billion of them before it gives up.
    """
    start = next((each.end for each in _segments(stream) if each.marker == SOS), len(stream))
    end = stream.find(bytes([0xFF, EOI]), start)  # which pixels cannot contain
    if end < 0:
        raise UnreadableImage("The DICOM has a frame that is truncated.")
    return end - start


def nearness(stream: bytes) -> int:
    """Return by how much samples of a JPEG-LS may differ from those that were coded (NEAR)."""
    scan = next((each for each in _segments(stream) if each.marker == SOS), None)
    if scan is None:
        return 0
    return _number(stream, scan.start + 1 + 2 * _number(stream, scan.start, 1), 1)


def sides_of_jpeg_2000(stream: bytes) -> tuple[int, int] | None:
    """Return rows and columns, by the header of a JPEG 2000, which may lie in a file of its own."""
    found = _SIZE.search(stream[: 1 << 12])
    if found is None:
        return None
    right, bottom, left, top = (int.from_bytes(part, "big") for part in found.groups()[:4])
    return bottom - top, right - left


def check_jpeg_2000(stream: bytes) -> None:
    """Raise UnreadableImage for a JPEG 2000 some of whose tiles are missing.

    Raises UnsupportedImage for more than MAX_LAYERS layers.
    """
    found = _SIZE.search(stream[: 1 << 12])
    numbers = [int.from_bytes(part, "big") for part in found.groups()] if found else []
    if found is None or not all(numbers[4:6]):
        raise UnreadableImage("The DICOM has a frame that is damaged.")
    right, bottom, _, _, across, down, first, top = numbers
    tiles = -(-(right - first) // across) * -(-(bottom - top) // down)
    there, position = set(), _after_header(stream, found.start() + _MAIN)
    while stream[position : position + 2] == _TILE:
        _after_header(stream, position + _TILE_HEAD)
        there.add(_number(stream, position + 4, 2))
        size = _number(stream, position + 6, 4)
        if not size:  # the last, up to the end
            break
        position += max(size, _TILE_HEAD)
    if len(there) < tiles:
        raise UnreadableImage("The DICOM has a frame that lacks pixels.")


def is_rotated(stream: bytes) -> bool:
    """Return whether a JPEG 2000 has its colours rotated, and its decoder rotates them back."""
    found = _SIZE.search(stream[: 1 << 12])
    start = found.start() + _MAIN if found else 0
    coding = stream.find(_CODING, start, _after_header(stream, start))
    return coding >= 0 and stream[coding + 8 : coding + 9] == b"\1"


def _after_header(stream: bytes, start: int) -> int:
    """Return where a header ends whose first segment is at `start`, and check its layers."""
    position = start
    for _ in range(MAX_SEGMENTS):
        marker = stream[position : position + 2]
        if marker in (_TILE, _DATA) or marker[:1] != b"\xff":
            break
        if marker == _CODING and _number(stream, position + 6, 2) > MAX_LAYERS:
            raise UnsupportedImage(f"The DICOM has a frame of more than {MAX_LAYERS} layers.")
        position += 2 + _number(stream, position + 2, 2)
    return position


def _segments(stream: bytes) -> Iterator[_Segment]:
    """Each segment of a JPEG up to the first scan."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        if stream[position : position + 1] != b"\xff":
            return
        end = position + 2 + _number(stream, position + 2, 2)
        found = _Segment(stream[position + 1], position + 4, end)
        yield found
        if found.marker == SOS:
            return
        position = end


def _number(stream: bytes, position: int, size: int) -> int:
    return int.from_bytes(stream[position : position + size], "big")
