"""The data set of a DICOM file up to its pixels, and the pixels as they are stored.

pydicom parses only that part, and keeps values, such as names of patients, as bytes until they are
accessed.
"""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from pydicom import config, dcmwrite
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from app.imaging.formats.dicom.deflated import inflated
from app.imaging.formats.dicom.elements import ByteOrder, Counted, check_number, has_repeats
from app.imaging.picture import TooManyPixels, UnreadableImage, UnsupportedImage

config.settings.reading_validation_mode = config.IGNORE
config.settings.writing_validation_mode = config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)  # it would log data of patients

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


def _is_padding(rest: bytes, order: ByteOrder) -> bool:
    """Return whether nothing follows the pixels except Data Set Trailing Padding."""
    return not rest or rest[:4] == b"".join(n.to_bytes(2, order) for n in (0xFFFC, 0xFFFC))
