"""The fixed part of a NIfTI file, as in nifti1.h and nifti2.h, which is read but never rewritten.

It is parsed here, not by nibabel, since what is checked must be what is decoded. What a scan means,
its slope, position and extensions, is not interpreted and is returned byte for byte.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

from app.imaging.formats.volume import Head, arranged, type_of
from app.imaging.picture import UnreadableImage, UnsupportedImage

TAKEN_FOR = "MR"
"""The assumed modality of grey volumes: headers do not state one, and most are of MRI."""

MAX_OFFSET = 1 << 24
"""Maximum bytes before the samples: the header and its extensions."""

_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    128: "u1",  # RGB
    256: "i1",
    512: "u2",
    768: "u4",
}
_RGB, _FLOAT = 128, 16


@dataclass(frozen=True, slots=True)
class Version:
    """The offsets and types of the fields of a version of the format."""

    size: int
    magic: tuple[int, bytes]
    dimensions: tuple[int, str]
    kind: int
    spacing: tuple[int, str]
    offset: tuple[int, str]
    intercept: tuple[int, str]
    shown: tuple[int, str]


VERSIONS = (
    Version(
        size=348,
        magic=(344, b"n+1\0"),
        dimensions=(40, "8h"),
        kind=70,
        spacing=(76, "8f"),
        offset=(108, "f"),
        intercept=(116, "f"),
        shown=(124, "2f"),
    ),
    Version(
        size=540,
        magic=(4, b"n+2\0\r\n\x1a\n"),
        dimensions=(16, "8q"),
        kind=12,
        spacing=(104, "8d"),
        offset=(168, "q"),
        intercept=(184, "d"),
        shown=(192, "2d"),
    ),
)
LONGEST = VERSIONS[-1].size


def of_differences(before: bytes) -> bytes:
    """Adapt the bytes before the samples for differences of samples, as 32-bit floats.

    A slope applies to differences, too, but an intercept and a display range do not.
    """
    found = version_of(before)
    if found is None:
        raise UnreadableImage("The NIfTI image is truncated.")
    version, order = found
    result = bytearray(before)
    struct.pack_into(f"{order}2h", result, version.kind, _FLOAT, 32)
    place, kind = version.intercept
    struct.pack_into(f"{order}{kind}", result, place, 0)
    place, kind = version.shown
    struct.pack_into(f"{order}{kind}", result, place, 0, 0)
    return bytes(result)


def is_nifti(data: bytes) -> bool:
    """Return whether a file is a single-file NIfTI-1 or NIfTI-2."""
    return version_of(data) is not None


def version_of(data: bytes) -> tuple[Version, str] | None:
    """Return the version and byte order of a file; None if it is no single-file NIfTI."""
    for version in VERSIONS:
        place, magic = version.magic
        for order in "<>":
            if data[:4] == struct.pack(f"{order}i", version.size) and data.startswith(magic, place):
                return version, order
    return None


def read_head(data: bytes) -> Head:
    """Read the header of a file; raises UnreadableImage and UnsupportedImage."""
    found = version_of(data)
    if found is None or len(data) < found[0].size:
        raise UnreadableImage("The NIfTI image is truncated.")
    version, order = found

    def fields(place: int, kind: str) -> tuple[Any, ...]:
        return struct.unpack_from(order + kind, data, place)

    count, *sizes = fields(*version.dimensions)
    if not 1 <= count <= 7:
        raise UnreadableImage("The NIfTI image has dimensions that make no sense.")
    width, height, stack = arranged("NIfTI", sizes[:count], fields(*version.spacing)[1:4])
    (kind,) = fields(version.kind, "h")
    dtype = type_of("NIfTI", _TYPES, kind, order)
    (offset,) = fields(*version.offset)
    if not (math.isfinite(offset) and offset == int(offset) and version.size <= offset):
        raise UnreadableImage("The NIfTI image has its samples at a place that makes no sense.")
    if offset > MAX_OFFSET:
        raise UnsupportedImage("The NIfTI image has extensions that are too long.")
    return Head(
        width=width,
        height=height,
        channels=3 if kind == _RGB else 1,
        dtype=dtype,
        offset=int(offset),
        stack=stack,
        modality=TAKEN_FOR if kind != _RGB else "",
    )
