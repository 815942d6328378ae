"""Group DICOM files into volumes, and sort their slices.

Files of one series form a volume if they agree in size, type and direction; localizers, whose
direction differs, form volumes of their own, and so do files of many frames.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from app.imaging.formats.dicom.dataset import Scan, read, silence
from app.imaging.formats.dicom.frames import check
from app.imaging.formats.dicom.geometry import scaling_of, spacing_between, stack_of
from app.imaging.formats.dicom.kind import Kind, kind_of, modality_of
from app.imaging.formats.dicom.values import Vector, value, vector
from app.imaging.picture import Change, Format, Metadata, Note, Picture
from app.imaging.scale import limits
from app.imaging.stack import Stack

SAME_PLACE = 1e-3
"""Distance in mm below which two slices count as being at the same position."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The properties of a file that place it in a volume."""

    name: str
    kind: Kind
    modality: str
    stack: Stack
    """The arrangement of its own frames."""
    volume: tuple[Any, ...]
    """Equal for the files of one volume."""
    number: int
    """The instance number in the series."""
    position: Vector | None
    """The position of the first pixel, in mm."""
    depth: float | None
    """The projection of that onto the normal of the plane, in mm."""
    across: Vector | None
    """Distances between rows and columns, in mm."""
    scaling: tuple[float, float]
    """The slope and intercept."""
    before: int
    """Bytes of the data set before the pixels."""


@dataclass(frozen=True, slots=True)
class Volume:
    """The slices of a volume in their order, and their arrangement."""

    slices: tuple[Slice, ...]
    stack: Stack

    @property
    def kind(self) -> Kind:
        """The properties of all pixels."""
        return self.slices[0].kind

    @property
    def modality(self) -> str:
        """The modality of the series."""
        return self.slices[0].modality


@silence()
def survey(name: str, data: bytes) -> Slice:
    """Read the properties of a file; raises ImagingError if its pixels cannot be decoded.

    Other errors mean that the file is damaged.
    """
    scan = read(data)
    kind = kind_of(scan.dataset)
    check(scan, kind)
    kind = kind.shown
    position = vector(scan.dataset, "ImagePositionPatient")
    direction = vector(scan.dataset, "ImageOrientationPatient", 6)
    depth = None
    if position is not None and direction is not None:
        depth = float(np.dot(np.cross(direction[:3], direction[3:]), position))
    return Slice(
        name=name,
        kind=kind,
        modality=modality_of(scan.dataset, kind),
        stack=stack_of(scan.dataset, kind.frames),
        volume=_volume_of(name, scan, kind, direction),
        number=int(value(scan.dataset, "InstanceNumber") or 0),
        position=position,
        depth=depth,
        across=vector(scan.dataset, "PixelSpacing", 2),
        scaling=scaling_of(scan.dataset),
        before=len(scan.before),
    )


def _volume_of(name: str, scan: Scan, kind: Kind, direction: Vector | None) -> tuple[Any, ...]:
    pixels = kind.rows, kind.columns, kind.channels, kind.dtype.str, kind.stored
    is_inverted = kind.photometric == "MONOCHROME1"
    lies = () if direction is None else tuple(map(float, np.round(direction, 2) + 0.0))
    alone = name if kind.frames > 1 else ""
    return str(value(scan.dataset, "SeriesInstanceUID", "")), pixels, is_inverted, lies, alone


def volumes(slices: Iterable[Slice]) -> list[Volume]:
    """Sort slices into volumes, by position, or by number if positions are unknown.

    If several slices share each position, all the same number, they form as many volumes,
    consecutive in time; with unequal numbers, the slices do not count as spaced. Nor do slices with
    individual scaling, as in PET: planes across them would show the differences.
    """
    groups: dict[tuple[Any, ...], list[Slice]] = {}
    for each in slices:
        groups.setdefault(each.volume, []).append(each)
    return [_arranged(group) for group in groups.values()]


def _arranged(group: list[Slice]) -> Volume:
    numbered = sorted(group, key=lambda each: (each.number, each.name))
    if len(group) == 1:
        return Volume(tuple(group), group[0].stack)
    if any(each.depth is None for each in group):
        return Volume(tuple(numbered), Stack(len(group)))
    # stable: slices at the same position stay in the order of their numbers
    placed = sorted(numbered, key=_place)
    places = [list(same) for _, same in groupby(placed, _place)]
    count = len(places[0])
    if any(len(same) != count for same in places) or len(places) == 1:
        return Volume(tuple(numbered), Stack(len(group)))
    ordered = [same[number] for number in range(count) for same in places]
    spacing = spacing_between([each[0].position for each in places], group[0].across)
    if len({each.scaling for each in group}) > 1:
        spacing = None
    return Volume(tuple(ordered), Stack(len(group), count, spacing))


def _place(each: Slice) -> int:
    return round((each.depth or 0.0) / SAME_PLACE)


def assembled(volume: Volume, files: Iterable[Picture], format_: Format) -> Picture:
    """Assemble the images of the files of a volume, in its order; each is used once.

    The native metadata are the parts of each file, one after the other.
    """
    kind, stack = volume.kind, volume.stack
    shape = stack.frames * kind.rows, kind.columns
    pixels, alpha, top = np.empty((*shape, kind.channels), kind.dtype), None, 0
    native, notes, changes = list[bytes](), list[Note](), set[Change]()
    negative: float | None = None  # equal for all: see `_volume_of`
    for part in files:
        place = slice(top, top + len(part.pixels))
        top = place.stop
        pixels[place] = part.pixels
        if part.alpha is not None:
            if alpha is None:
                alpha = np.full(shape, limits(kind.dtype)[1], kind.dtype)
            alpha[place] = part.alpha
        native += part.metadata.native
        notes += part.metadata.notes
        negative = part.metadata.negative
        changes |= part.changes
    return Picture(
        pixels,
        alpha,
        format_,
        Metadata(native=tuple(native), negative=negative, notes=tuple(dict.fromkeys(notes))),
        frozenset(changes),
        stack=stack,
        modality=volume.modality,
    )


def parted(picture: Picture, count: int) -> Iterator[Picture]:
    """Split a picture that `assembled` has made from so many files."""
    natives, height = picture.metadata.native, len(picture.pixels) // count
    frames = Stack(picture.stack.frames // count)
    for number in range(count):
        rows = slice(number * height, (number + 1) * height)
        native = natives[2 * number : 2 * number + 2]
        yield replace(
            picture,
            pixels=picture.pixels[rows],
            alpha=None if picture.alpha is None else picture.alpha[rows],
            metadata=replace(picture.metadata, native=native),
            stack=frames,
        )
