"""Metadata that must agree with the pixels: orientation, above all."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from app.imaging import ifd
from app.imaging.tags import Tag

if TYPE_CHECKING:
    from app.imaging.picture import Metadata

MAX_INFLATED = 2**23  # bytes; a colour profile or an XMP packet is a tenth of it at most

_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]""")


def inflate(data: bytes | memoryview) -> bytes | None:
    """Inflate a zlib stream of metadata; None where it is damaged or grows past the limit."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, MAX_INFLATED)
    except zlib.error:
        return None
    return inflated if stream.eof else None


def upright(metadata: Metadata) -> tuple[int, Metadata]:
    """The orientation, 1 to 8, and metadata for the picture once it has been turned so.

    EXIF is changed in place, byte for byte, so that offsets inside maker notes stay true: the
    orientation becomes 1, and the thumbnail, which would show the old picture, is unlinked.
    """
    if metadata.exif is None:
        return 1, metadata
    try:
        first = next(ifd.directories(metadata.exif))
    except (ValueError, struct.error, StopIteration):
        return 1, replace(metadata, exif=None)
    exif, orientation = bytearray(metadata.exif), first.integer(Tag.ORIENTATION, 1)
    exif[first.link : first.link + 4] = bytes(4)
    entry = first.fields.get(Tag.ORIENTATION)
    if entry is not None and entry.count == 1:
        value = (1).to_bytes(len(entry.value), "little" if first.order == "<" else "big")
        exif[entry.position : entry.position + len(value)] = value
    if orientation not in range(2, 9):
        return 1, replace(metadata, exif=bytes(exif))
    dpi = metadata.dpi[::-1] if metadata.dpi and orientation >= 5 else metadata.dpi
    xmp = metadata.xmp and _XMP_ORIENTATION.sub(rb"\g<1>1", metadata.xmp)
    return orientation, replace(metadata, exif=bytes(exif), xmp=xmp, dpi=dpi)
