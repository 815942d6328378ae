"""Palettes of JPEG 2000 files, in two boxes (ITU-T T.800, I.5.3.4 and I.5.3.5)."""

import struct
from collections.abc import Mapping

import numpy as np

from app.imaging.picture import UnreadableImage, UnsupportedImage
from app.imaging.samples import Samples, from_palette

_COLOURS, _MAPPING = b"pclr", b"cmap"
_MOST = 1024  # colours
_EIGHT_BITS = 7  # less one, and unsigned
_BY_PALETTE = 1


def read_palette(boxes: Mapping[bytes, bytes]) -> Samples | None:
    """Return the colours [number, 3] of 8 bits, given the boxes of a header; None without any.

    Raises UnreadableImage, and UnsupportedImage for palettes of other numbers, with alpha, or of
    only some of the channels.
    """
    if _COLOURS not in boxes:
        return None
    body, mapping = boxes[_COLOURS], boxes.get(_MAPPING, b"")
    number, channels = struct.unpack_from(">HB", body)
    start = 3 + channels
    expected = b"".join(struct.pack(">HBB", 0, _BY_PALETTE, column) for column in range(3))
    if {*body[3:start]} != {_EIGHT_BITS} or channels != 3 or mapping != expected:
        raise UnsupportedImage(
            "A JPEG 2000 of a palette is read if that is of 8-bit RGB; convert others to PNG."
        )
    if not 0 < number <= _MOST or len(body) != start + 3 * number:
        raise UnreadableImage("The palette of the JPEG 2000 image makes no sense.")
    return np.frombuffer(body, np.uint8, 3 * number, start).reshape(number, 3)


def look_up(indices: Samples, palette: Samples) -> Samples:
    """Return the colours of indices, as `from_palette` does; UnreadableImage if there are none."""
    if indices.max() >= len(palette):
        raise UnreadableImage("The JPEG 2000 image has colours beyond its palette.")
    return from_palette(indices, palette)
