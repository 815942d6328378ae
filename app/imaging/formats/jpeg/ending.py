"""JPEG streams that break off, which are read if all their pixels are present.

They lack an end marker, or have one that a recovery tool has put where they break off. Decoders
make up missing pixels without an error, from whatever follows. So a stream is decoded several
times, with different bytes in place of the missing ones: if the pixels are always the same, none
is missing. Missing restart intervals, and missing scans of progressive streams, are counted.
"""

import re
import struct
from collections.abc import Callable

import numpy as np

from app.imaging.formats.jpeg.frame import PROGRESSIVE, Frame
from app.imaging.formats.jpeg.segments import BLOCK, DRI, EOI, SOS, EndMissing, Segment, segments
from app.imaging.picture import UnreadableImage
from app.imaging.samples import Samples

END = bytes([0xFF, EOI])
_ENDINGS = [  # all pairs of bits, in case only these are missing, followed by random bits
    bytes([first, *np.random.default_rng(first).integers(0, 0xFF, 63)])
    for first in (0x15, 0x6A, 0x95, 0xEA)
]
_GREY = 128
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")

Decode = Callable[[bytes], tuple[Samples, int]]
"""A decoder, which returns the samples of a stream, and where its image ends."""


def decode_whole(data: bytes, frame: Frame, decode: Decode) -> tuple[Samples, int | None]:
    """Decode a stream by `decode`, and check that it is complete.

    Returns the samples, and where the image ends: None if the stream has no end marker. Raises
    `UnreadableImage` if pixels are missing.
    """
    try:
        samples, end = decode(data)
    except EndMissing:
        cut = data.rstrip(b"\xff")  # may be half an end marker, but no part of a pixel
    else:
        if _ends_early(data, samples, frame, decode):
            raise UnreadableImage("The JPEG image lacks pixels: the rest of it is missing.")
        return samples, end
    try:
        samples, _ = decode(cut + END)
        whole = _is_whole(cut, samples, frame, decode)
    except EndMissing:  # the added end became part of a truncated segment
        whole = False
    if not whole:
        raise UnreadableImage("The JPEG image is truncated.")
    return samples, None


def _ends_early(data: bytes, samples: Samples, frame: Frame, decode: Decode) -> bool:
    """Return whether the end marker precedes some of the pixels or, if progressive, some scans.

    libjpeg fills missing pixels with medium grey, so none is missing if the last one is not grey.
    """
    is_grey = ((samples[-1, -1] == _GREY) | (samples[-1, -1] == 255 - _GREY)).all()
    if not is_grey and frame.process != PROGRESSIVE:
        return False
    cut = data[: next(each.at for each in segments(data, frame.scan) if each.marker == EOI)]
    if frame.process == PROGRESSIVE:
        return not _has_all_scans(cut + END, frame)
    return not _is_whole(cut, samples, frame, decode)


def _is_whole(cut: bytes, samples: Samples, frame: Frame, decode: Decode) -> bool:
    """Return whether `samples`, decoded from `cut`, do not depend on the bytes after it."""
    return _has_all_scans(cut + END, frame) and not any(
        (decode(cut + ending + END)[0] != samples).any() for ending in _ENDINGS
    )


def _has_all_scans(data: bytes, frame: Frame) -> bool:
    """Return whether the scans cover all coefficients, and the last has all restart intervals.

    The stream has been rebuilt before, so its scans are valid.
    """
    missing = {(each.name, place) for each in frame.components for place in range(BLOCK)}
    interval = next(
        (_interval(table[4:]) for table in reversed(frame.tables) if table[1] == DRI), 0
    )
    intervals, begun = 0, 0
    for segment in segments(data, frame.scan):
        if segment.marker == SOS:
            names, places, is_last_bit = _coded(segment, frame)
            missing -= {(name, place) for name in names for place in places if is_last_bit}
            intervals = -(-_units(names, frame) // interval) if interval else 1
            begun = segment.end
        elif segment.marker == DRI:
            interval = _interval(segment.body)
    return not missing and len(_RESTART.findall(data, begun)) == intervals - 1


def _interval(body: bytes) -> int:
    (units,) = struct.unpack(">H", body)
    return int(units)


def _coded(scan: Segment, frame: Frame) -> tuple[list[int], range, bool]:
    """Return the components and coefficients of a scan, and whether it has their last bit."""
    count = scan.body[0]
    names = list(scan.body[1 : 1 + 2 * count : 2])
    if frame.process != PROGRESSIVE:
        return names, range(BLOCK), True
    first, last, precision = scan.body[-3:]
    return names, range(first, last + 1), precision & 15 == 0


def _units(names: list[int], frame: Frame) -> int:
    """Return the number of minimum coded units in a scan of these components (T.81, A.2)."""
    if len(names) > 1:
        return frame.units
    return frame.seen_blocks(next(each for each in frame.components if each.name == names[0]))
