"""The data set of a DICOM file up to its pixels, and its description of them.

pydicom parses only that part, and keeps values, such as names of patients, as bytes until they are
accessed.
"""

import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np
from pydicom import config, dcmwrite
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from app.imaging.formats.dicom.deflated import inflated
from app.imaging.formats.dicom.elements import ByteOrder, Counted, check_number, has_repeats
from app.imaging.formats.dicom.palette import PALETTE
from app.imaging.formats.dicom.values import Vector, first_item, items, needed, value, vector
from app.imaging.picture import MODALITY, TooManyPixels, UnreadableImage, UnsupportedImage
from app.imaging.stack import Stack, spacing_of

config.settings.reading_validation_mode = config.IGNORE
config.settings.writing_validation_mode = config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)  # it would log data of patients

MAX_OVERLAYS = 16
"""The groups of overlays: 6000 to 601E."""

MAX_ELEMENTS = 1 << 20
"""Maximum elements before the pixels, including those in sequences: each takes 2 us."""
FREE_ELEMENTS, ELEMENT_BYTES = 1 << 18, 16
"""Elements that any file may have, and bytes of the file for each further one: frames may have some
tens each, and in a deflated file several may share a byte.
"""
MAX_ITEMS = 1 << 17
"""Maximum items of sequences and fragments of pixels: each becomes an object, in 20 us."""
FREE_ITEMS, ITEM_BYTES = 1 << 14, 128
"""Items that any file may have, and bytes of the file for each further one: frames, which have a
dozen each, have pixels as well.
"""

EVEN = 1e-2
"""Relative difference up to which steps between slices count as equal."""

_ITEMS = b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00"
"""The tag that begins an item, in either byte order."""
_LONG_LENGTH = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"UN"}
_UNDEFINED = 0xFFFF_FFFF
_FLOATS = {0x7FE0_0008, 0x7FE0_0009}
_PIXELS = 0x7FE0_0010


@dataclass(frozen=True, slots=True)
class Scan:
    """The parts of a file: what precedes the pixels, parsed and as bytes, and the pixels."""

    dataset: Dataset
    before: bytes
    pixels: bytes
    """The value of the element; if encapsulated, a sequence of items."""
    is_encapsulated: bool
    is_swapped: bool
    """Whether pairs of bytes are swapped: 8-bit samples stored as big-endian words."""
    is_followed: bool
    """Whether anything but padding follows."""

    @property
    def is_whole(self) -> bool:
        """Whether the parsed data set has all elements of the file."""
        implicit, little = self.dataset.original_encoding
        order: ByteOrder = "little" if little else "big"
        return not self.is_followed and not has_repeats(
            self.before, implicit=bool(implicit), order=order
        )

    @property
    def syntax(self) -> UID:
        """The transfer syntax; explicit little-endian if the file declares none."""
        return UID(self.dataset.file_meta.get("TransferSyntaxUID", ExplicitVRLittleEndian))


@dataclass(frozen=True, slots=True)
class Kind:
    """The declared properties of the pixels."""

    rows: int
    columns: int
    frames: int
    channels: int
    photometric: str
    allocated: int
    stored: int
    high: int
    """The position of the highest stored bit."""
    is_signed: bool
    is_planar: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the samples."""
        return np.dtype(f"{'i' if self.is_signed else 'u'}{self.allocated // 8}")

    @property
    def shown(self) -> "Kind":
        """The properties after a palette, if any, has been applied."""
        if self.photometric != PALETTE:
            return self
        return replace(
            self, channels=3, photometric="RGB", allocated=8, stored=8, high=7, is_signed=False
        )

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest possible value."""
        span = 1 << self.stored
        return (-span // 2, span // 2 - 1) if self.is_signed else (0, span - 1)


@contextmanager
def silence() -> Iterator[None]:
    """Suppress the warnings of pydicom, which quote values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parse(file: IO[bytes]) -> Dataset:
    """Parse the elements before the pixels, lazily, and leave the file there."""

    def is_pixels(tag: int, _kind: str | None, _length: int) -> bool:
        return tag == _PIXELS or tag in _FLOATS

    return read_partial(file, is_pixels)


def written(dataset: Dataset) -> bytes:
    """Return a data set as a file, in the encoding that has been set."""
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def read(data: bytes) -> Scan:
    """Split a file into its parts.

    Raises UnreadableImage, and UnsupportedImage for a file without pixels. A file with too many
    items is refused before parsing (TooManyPixels), one with too many elements during it. A
    deflated file is inflated first, since pydicom would inflate it without limit.
    """
    most_elements = min(FREE_ELEMENTS + len(data) // ELEMENT_BYTES, MAX_ELEMENTS)
    most = min(FREE_ITEMS + len(data) // ITEM_BYTES, MAX_ITEMS)
    data = inflated(data)
    if DeflatedExplicitVRLittleEndian.encode() in data:
        raise UnsupportedImage("The DICOM names the deflated syntax where it is not in that.")
    if max(map(data.count, _ITEMS)) > most:
        raise TooManyPixels(f"The DICOM has too many items; of its size, at most {most} are taken.")
    file = Counted(data, most_elements)
    dataset = parse(file)
    implicit, little = dataset.original_encoding
    order: ByteOrder = "little" if little else "big"
    place = file.tell()
    before = data[:place]
    check_number(before, most_elements, implicit=bool(implicit), order=order)
    kind, start, length = _pixel_data(data, place, implicit=bool(implicit), order=order)
    is_encapsulated = length == _UNDEFINED
    end = len(data) if is_encapsulated else start + length
    if start > len(data) or end > len(data):
        raise UnreadableImage("The DICOM image is truncated.")
    return Scan(
        dataset,
        before,
        data[start:end],
        is_encapsulated,
        is_swapped=not little and kind == b"OW",
        is_followed=not (is_encapsulated or _is_padding(data[end:], order)),
    )


def _pixel_data(
    data: bytes, place: int, *, implicit: bool, order: ByteOrder
) -> tuple[bytes, int, int]:
    """Return the type of the pixel data element at a place, and the start and length of its value.

    Raises UnsupportedImage if another element is there.
    """
    group, element = (int.from_bytes(data[at : at + 2], order) for at in (place, place + 2))
    tag = group << 16 | element
    if tag in _FLOATS:
        raise UnsupportedImage("A DICOM of floating-point pixels is not supported.")
    if tag != _PIXELS:
        raise UnsupportedImage("The DICOM holds no pixels.")
    kind = b"OW" if implicit else data[place + 4 : place + 6]
    if kind not in _LONG_LENGTH:
        raise UnreadableImage("The DICOM has pixels of a type that makes no sense.")
    start = place + (8 if implicit else 12)
    return kind, start, int.from_bytes(data[start - 4 : start], order)


def kind_of(dataset: Dataset) -> Kind:
    """Read the declared properties of the pixels; raises UnsupportedImage."""
    allocated, stored = (int(needed(dataset, f"Bits{what}")) for what in ("Allocated", "Stored"))
    if allocated not in (8, 16) or not 1 < stored <= allocated:
        raise UnsupportedImage(
            f"A DICOM of {stored} bits in {allocated} is not supported: it must have 2 to 16, in 8 "
            "or 16."
        )
    channels = int(needed(dataset, "SamplesPerPixel"))
    photometric = str(needed(dataset, "PhotometricInterpretation"))
    high = int(value(dataset, "HighBit", stored - 1))
    if not stored - 1 <= high < allocated:
        raise UnreadableImage("The DICOM has a highest bit that makes no sense.")
    if _has_overlay_within(dataset):
        raise UnsupportedImage("A DICOM with overlays among the bits of pixels is not supported.")
    kind = Kind(
        rows=int(needed(dataset, "Rows")),
        columns=int(needed(dataset, "Columns")),
        frames=int(value(dataset, "NumberOfFrames") or 1),
        channels=channels,
        photometric=photometric,
        allocated=allocated,
        stored=stored,
        high=high,
        is_signed=int(needed(dataset, "PixelRepresentation")) == 1,
        is_planar=channels > 1 and int(value(dataset, "PlanarConfiguration") or 0) == 1,
    )
    if min(kind.rows, kind.columns, kind.frames) < 1:
        raise UnreadableImage("The DICOM has sides that make no sense.")
    return kind


def modality_of(dataset: Dataset, kind: Kind) -> str:
    """Return the modality of a grey scan; empty for colours, and if no valid code is given."""
    code = str(value(dataset, "Modality", "")).strip()
    return code if kind.channels == 1 and re.fullmatch(MODALITY, code) else ""


def padding_of(dataset: Dataset, kind: Kind) -> tuple[int, int] | None:
    """Return the least and the greatest stored value that means padding, or None."""
    end = value(dataset, "PixelPaddingValue")
    if end is None or end == "":
        return None
    other = value(dataset, "PixelPaddingRangeLimit", end)
    low, high = sorted(_stored(each, kind) for each in (end, other))
    return low, high


def stack_of(dataset: Dataset, frames: int) -> Stack:
    """Return the arrangement of the frames: in space if their positions are equally spaced.

    Frames with individual scaling, as in PET, do not count as spaced: planes across them would show
    the differences.
    """
    groups = () if frames == 1 else items(dataset, "PerFrameFunctionalGroupsSequence")
    if len(groups) != frames:
        return Stack(frames)
    measures = first_item(dataset, "SharedFunctionalGroupsSequence", "PixelMeasuresSequence")
    places = [
        vector(first_item(each, "PlanePositionSequence"), "ImagePositionPatient") for each in groups
    ]
    transformed = (first_item(each, "PixelValueTransformationSequence") for each in groups)
    if len(set(map(scaling_of, transformed))) > 1:
        return Stack(frames)
    return Stack(frames, 1, spacing_between(places, vector(measures or dataset, "PixelSpacing", 2)))


def scaling_of(dataset: Dataset | None) -> tuple[float, float]:
    """Return the slope and intercept that map stored to measured values."""
    found = Dataset() if dataset is None else dataset
    slope, intercept = value(found, "RescaleSlope"), value(found, "RescaleIntercept")
    return (1.0 if slope is None else float(slope), float(intercept or 0))


def spacing_between(
    places: Sequence[Vector | None], across: Vector | None
) -> tuple[float, float, float] | None:
    """Return the distances in mm between frames at these positions, rows, and columns.

    Return None if a position is unknown, or the steps between positions are not equal.
    """
    known = [place for place in places if place is not None]
    if across is None or len(known) < len(places) or len(known) < 2:
        return None
    steps = np.diff(known, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    is_even = bool(np.abs(steps - steps[0]).max() <= EVEN * lengths[0])
    return spacing_of(float(lengths.mean()), *map(float, across)) if is_even else None


def _has_overlay_within(dataset: Dataset) -> bool:
    groups = range(0x6000, 0x6000 + 2 * MAX_OVERLAYS, 2)
    return any((group, 0x0010) in dataset and (group, 0x3000) not in dataset for group in groups)


def _stored(padding: Any, kind: Kind) -> int:
    """Convert a padding value, given unsigned or as bytes, to the type of the samples."""
    number = int.from_bytes(padding[:2], "little") if isinstance(padding, bytes) else int(padding)
    return int(np.array(number & 0xFFFF, "u2").astype(f"u{kind.allocated // 8}").view(kind.dtype))


def _is_padding(rest: bytes, order: ByteOrder) -> bool:
    """Return whether nothing follows the pixels except Data Set Trailing Padding."""
    return not rest or rest[:4] == b"".join(n.to_bytes(2, order) for n in (0xFFFC, 0xFFFC))


def sequences(dataset: Dataset) -> Iterator[Dataset]:
    """Yield each item of the shared and the per-frame functional groups."""
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        yield from items(dataset, name)
