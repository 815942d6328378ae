"""The coded frames of a DICOM: check their declared sizes, and that they are complete.

Decoders silently make up missing data. Markers are those of ITU-T T.81, table B.1, and of T.87.
"""

from collections.abc import Iterator
from typing import NamedTuple

from app.imaging.formats.jp2 import codestream
from app.imaging.formats.jpeg.frame import PROGRESSIVE
from app.imaging.formats.jpeg.segments import BLOCK, EOI, MAX_SEGMENTS, SOS
from app.imaging.picture import UnreadableImage

_FRAMES = (*range(0xC0, 0xC4), 0xF7)  # in JPEG, and in JPEG-LS
_LOSSLESS = 0xC3


class _Segment(NamedTuple):
    marker: int
    start: int  # contents of the segment after its length
    end: int


def sides_of_jpeg(stream: bytes) -> tuple[int, int] | None:
    """Return rows and columns from the frame header of a JPEG or JPEG-LS."""
    frame = next((each for each in _segments(stream) if each.marker in _FRAMES), None)
    if frame is None:
        return None
    rows, columns = (_number(stream, frame.start + at, 2) for at in (1, 3))
    return rows, columns


def check_jpeg(stream: bytes, samples: int) -> None:
    """Raise UnreadableImage for a JPEG without an end, or with too few bits for its samples.

    `samples` is the least number of samples. Each takes a bit or more in a lossless stream;
    otherwise each block takes one if progressive, and two if not (T.81, F.1.2, G.1.2 and H.1.2).
    """
    markers = {each.marker: each for each in _segments(stream)}
    bits = 8 * check_end(stream)
    blocks = samples // BLOCK * (1 if PROGRESSIVE in markers else 2)
    if bits < (samples if _LOSSLESS in markers else blocks):
        raise UnreadableImage("The DICOM has a frame that lacks pixels.")


def check_end(stream: bytes) -> int:
    """Return the bytes of a JPEG or JPEG-LS from its first scan to its end marker.

    Raises UnreadableImage if it has none: CharLS takes zeros for missing data, and counts two
    billion of them before it gives up.
    """
    start = next((each.end for each in _segments(stream) if each.marker == SOS), len(stream))
    end = stream.find(bytes([0xFF, EOI]), start)  # which cannot occur in coded pixels
    if end < 0:
        raise UnreadableImage("The DICOM has a frame that is truncated.")
    return end - start


def nearness(stream: bytes) -> int:
    """Return the maximum error of the samples of a JPEG-LS (NEAR)."""
    scan = next((each for each in _segments(stream) if each.marker == SOS), None)
    if scan is None:
        return 0
    return _number(stream, scan.start + 1 + 2 * _number(stream, scan.start, 1), 1)


def codestream_of(stream: bytes) -> bytes:
    """Return the codestream of a JPEG 2000, which may be wrapped in a JP2 file."""
    return stream[max(0, stream.find(codestream.START, 0, 1 << 12)) :]


def _segments(stream: bytes) -> Iterator[_Segment]:
    """Yield each segment of a JPEG up to the first scan."""
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
