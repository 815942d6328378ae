"""NRRD with header and samples in one file, raw or in gzip, as Slicer and teem write it."""

import math
import re
from dataclasses import dataclass, replace

from app.imaging.formats.fields import MAX_LENGTH, REAL, Fields, modality_of
from app.imaging.formats.format import recognise
from app.imaging.formats.volume import (
    GZIP,
    Head,
    Kind,
    Packing,
    are_colours,
    arranged,
    of_channels,
    type_of,
)
from app.imaging.picture import Format, UnreadableImage, UnsupportedImage

_END = re.compile(rb"\r?\n\r?\n")
_KNOWN = re.compile(
    rb"^(type|dimension|sizes|encoding|endian|spacings|space directions|kinds|data ?file"
    rb"|line ?skip|byte ?skip):(?!=)(.*)$",
    re.MULTILINE | re.IGNORECASE,
)
_MODALITY = re.compile(rb"^(?:[mM]odality|0008\|0060):=(.*)$", re.MULTILINE)
_TYPES = {
    name: kind
    for kind, names in {
        "i1": "signed char, int8, int8_t",
        "u1": "uchar, unsigned char, uint8, uint8_t",
        "i2": "short, short int, signed short, signed short int, int16, int16_t",
        "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
        "i4": "int, signed int, int32, int32_t",
        "u4": "uint, unsigned int, uint32, uint32_t",
        "f4": "float",
        "f8": "double",
    }.items()
    for name in names.split(", ")
}
_PACKINGS = {"raw": None, "gzip": GZIP, "gz": GZIP}
_ORDERS = {"little": "<", "big": ">"}
_COLOUR, _LIST = "rgb-color", "list"
_CHANNELS = ("vector", "covariant-vector", "2-vector", "3-vector", "4-vector", "3-color")
_OF_SPACE = ("domain", "space", "???", "none")
_MOST_AXES = 16
_DIRECTION = re.compile(r"none|\([^()]*\)", re.IGNORECASE)


def read_head(data: bytes) -> Head:
    """Read the header of a file; raises UnreadableImage and UnsupportedImage."""
    end = _END.search(data, 0, MAX_LENGTH)
    header = data[: end.start() if end else MAX_LENGTH]
    said = Fields("NRRD", _KNOWN, header)
    if "datafile" in said:
        raise UnsupportedImage("The NRRD has its samples in another file; save it as one .nrrd.")
    if end is None:
        raise UnreadableImage("The NRRD has a header that is truncated, or too long.")
    packing = _packing(said)
    axes = _axes(said)
    width, height, stack = arranged("NRRD", axes.sizes, axes.distances)
    order = _ORDERS.get(said.get("endian", "").lower())
    dtype = type_of("NRRD", _TYPES, " ".join(said.get("type", "").lower().split()), order or "<")
    if dtype.itemsize > 1 and order is None:
        raise said.senseless("endian")
    in_colour = axes.inner == _COLOUR or (
        axes.inner in _CHANNELS and are_colours(axes.components, dtype)
    )
    if axes.inner == _LIST:
        count = axes.components
        stack = replace(stack, frames=stack.frames * count, volumes=stack.volumes * count)
    elif not in_colour:
        stack = of_channels("NRRD", stack, axes.components)
    is_plain = axes.inner in ("", _LIST)
    return Head(
        width=width,
        height=height,
        channels=3 if in_colour else 1,
        components=1 if in_colour else axes.components,
        dtype=dtype,
        offset=end.end(),
        stack=stack,
        modality=modality_of(_MODALITY, header) if is_plain else "",
        packing=packing,
    )


def _packing(said: Fields) -> Packing | None:
    """Return how the samples are compressed; raise UnsupportedImage for what is not read."""
    encoding = said.get("encoding", "").lower()
    if encoding not in _PACKINGS:
        raise UnsupportedImage(
            f"The NRRD has the encoding {encoding[:40]}, which is not supported; save it as raw or "
            "gzip."
        )
    if any(said.get(name, "0") != "0" for name in ("lineskip", "byteskip")):
        raise UnsupportedImage("An NRRD with a further header is not supported.")
    return _PACKINGS[encoding]


@dataclass(frozen=True, slots=True)
class _Axes:
    """The sizes of columns, rows, slices and volumes, their distances, and what voxels consist of.

    Axes of another kind than space, such as time, count volumes.
    """

    sizes: list[int]
    distances: list[float]
    inner: str = ""
    """The kind of the axis before those of space, if there is one."""
    components: int = 1
    """Its size."""


def _axes(said: Fields) -> _Axes:
    (count,) = said.integers("dimension", 1)
    if not 1 <= count <= _MOST_AXES:
        raise said.senseless("dimension")
    sizes = said.integers("sizes", count)
    kinds = said.get("kinds", "domain " * count).lower().split()
    if len(kinds) != count:
        raise said.senseless("kinds")
    distances = _distances(said, count)
    inner, components = "", 1
    if kinds[0] in (_LIST, *_CHANNELS) or (kinds[0], sizes[0]) == (_COLOUR, 3):
        inner, components = kinds[0], sizes[0]
        if components < 1:
            raise said.senseless("sizes")
        sizes, kinds, distances = sizes[1:], kinds[1:], distances[1:]
    are_of_space = [
        kind in _OF_SPACE and distance is not None
        for kind, distance in zip(kinds, distances, strict=True)
    ]
    spatial = [*are_of_space[:3], False].index(False)
    if spatial < 2:
        raise UnsupportedImage(
            "An NRRD is read if its first two or three axes are of space; only one of the kind "
            "RGB-color, vector or list may come before them."
        )
    flat = [1] if spatial == 2 else []
    return _Axes(
        [*sizes[:spatial], *flat, *sizes[spatial:]], [d or 0 for d in distances], inner, components
    )


def _distances(said: Fields, count: int) -> list[float | None]:
    """Return the distance of samples along each axis, 0 if not stated; None if it is no space."""
    if "spacedirections" in said:
        found = _DIRECTION.findall(said["spacedirections"])
        if len(found) != count:
            raise said.senseless("spacedirections")
        return [_length(said, each) for each in found]
    return [*said.reals("spacings", count)] if "spacings" in said else [0.0] * count


def _length(said: Fields, direction: str) -> float | None:
    if direction.lower() == "none":
        return None
    words = [word.strip() for word in direction[1:-1].split(",")]
    if not all(re.fullmatch(REAL, word) for word in words):
        raise said.senseless("spacedirections")
    return math.hypot(*map(float, words))


NRRD = Kind("an NRRD", (Format.NRRD,), recognise(b"NRRD000"), read_head)
FORMAT = NRRD.file("image/x-nrrd", ".nrrd")
