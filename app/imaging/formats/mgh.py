"""MGH, the volumes of FreeSurfer: always big-endian, behind a header of 284 bytes.

Parameters of the sequence and the history of the file may follow the samples.
"""

import re
import struct

from app.imaging.formats.volume import Head, Kind, arranged, type_of
from app.imaging.picture import Format, UnreadableImage

SIZE = 284
"""Bytes of the header."""

_TYPES = {0: "u1", 1: "i4", 3: "f4", 4: "i2", 10: "u2"}
_BEGINNING = re.compile(rb"\0\0[\0-\x1f]\x01(?:\0.{3}){4}\0{3}[\0-\x0a]", re.DOTALL)
"""The intent and the version, four sizes and the type; there is no signature."""


def is_mgh(data: bytes) -> bool:
    """Return whether a file begins like an MGH of sizes that make sense."""
    return _BEGINNING.match(data) is not None


def read_head(data: bytes) -> Head:
    """Read the header of a file; raises UnreadableImage and UnsupportedImage."""
    if len(data) < SIZE:
        raise UnreadableImage("The MGH image is truncated.")
    *sizes, kind, _, is_placed, across, down, through = struct.unpack_from(">6ih3f", data, 4)
    distances = (across, down, through) if is_placed else ()
    width, height, stack = arranged("MGH", sizes, distances)
    return Head(
        width=width,
        height=height,
        dtype=type_of("MGH", _TYPES, kind, ">"),
        offset=SIZE,
        stack=stack,
        modality="MR",
    )


MGH = Kind("an MGH", (Format.MGH, Format.MGZ), is_mgh, read_head)
FORMAT = MGH.file("image/x-mgh", ".mgh")
