"""The channels that pages belong to, as microscopes write them.

OME-XML states the order of the dimensions of its planes; ImageJ has a fixed order, XYCZT.
"""

import math
import re

from app.imaging import ifd
from app.imaging.tags import Tag

MAX_CHANNELS = 64
"""Maximum channels of a microscope; more are those of a spectrometer, which look alike."""

_PIXELS = re.compile(rb"<(?:\w+:)?Pixels\s[^<>]*>")
_ORDER = re.compile(rb"""\sDimensionOrder\s*=\s*["']XY([CZT]{3})["']""")
_SIZE = re.compile(rb"""\sSize([CZT])\s*=\s*["'](\d{1,9})["']""")
_IMAGEJ = re.compile(rb"ImageJ=")
_IMAGEJ_SIZE = re.compile(rb"^(channels|slices|frames)=(\d{1,9})\r?$", re.M)
_DIMENSIONS = {b"channels": b"C", b"slices": b"Z", b"frames": b"T"}


def channels(page: ifd.Directory, frames: int) -> tuple[int, int]:
    """Return the number of channels, and how many consecutive pages belong to each in turn.

    The description of the first page declares both. They are 1 if it declares neither, or another
    number of pages than `frames`.
    """
    if frames < 2 or Tag.DESCRIPTION not in page.fields:
        return 1, 1
    text = bytes(page.fields[Tag.DESCRIPTION].value)
    order, sizes = _by_imagej(text) if _IMAGEJ.match(text) else _by_ome(text)
    count = sizes.get("C", 1)
    if not 1 < count <= MAX_CHANNELS or math.prod(sizes.values()) != frames:
        return 1, 1
    return count, math.prod(sizes.get(each, 1) for each in order[: order.index("C")])


def _by_imagej(text: bytes) -> tuple[str, dict[str, int]]:
    """Return the order of dimensions, the fastest first, and their sizes, by ImageJ."""
    found = _IMAGEJ_SIZE.findall(text)
    return "CZT", {_DIMENSIONS[name].decode(): int(size) for name, size in found}


def _by_ome(text: bytes) -> tuple[str, dict[str, int]]:
    images = _PIXELS.findall(text)
    order = _ORDER.search(images[0]) if len(images) == 1 else None
    if order is None:
        return "CZT", {}
    sizes = {name.decode(): int(size) for name, size in _SIZE.findall(images[0])}
    return order[1].decode(), sizes if set(order[1]) == set(b"CZT") else {}
