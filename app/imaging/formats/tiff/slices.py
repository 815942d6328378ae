"""Stacks with a single directory for all slices, of which plain TIFF declares only the first."""

import re

from app.imaging import ifd
from app.imaging.tags import Tag

_DEPTH = 32_997  # of SGI's volumes
_METAMORPH = 33_629  # a value for each plane
_IMAGEJ = re.compile(rb"ImageJ=[^\n]*\nimages=(\d{1,9})\n")


def slices(page: ifd.Directory) -> int:
    """Return the number of consecutive slices that a directory describes."""
    planes = page.fields[_METAMORPH].count if _METAMORPH in page.fields else 1
    return max(page.integer(_DEPTH, 1), planes, _images(page))


def _images(page: ifd.Directory) -> int:
    """Return the number of images declared by ImageJ, if the file is long enough for them.

    A single image saved from a stack may still declare all of them.
    """
    if Tag.DESCRIPTION not in page.fields:
        return 1
    said = _IMAGEJ.match(page.fields[Tag.DESCRIPTION].value)
    if said is None:
        return 1
    images, start = int(said[1]), page.integer(Tag.STRIP_OFFSETS)
    size = int(page.integers(Tag.STRIP_COUNTS).sum(dtype="f8"))
    return images if start + images * size <= len(page.data) else 1
