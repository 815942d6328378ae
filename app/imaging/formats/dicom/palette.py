"""Palettes of a DICOM, from stored values to colours: PS3.3, C.7.6.3.1.5 and C.7.6.3.1.6."""

from typing import NamedTuple

import numpy as np
from pydicom.dataset import Dataset

from app.imaging.formats.dicom.values import needed
from app.imaging.picture import UnreadableImage, UnsupportedImage
from app.imaging.samples import Samples

PALETTE = "PALETTE COLOR"
"""The photometric interpretation of images with a palette."""

_COLOURS = ("Red", "Green", "Blue")
_TABLE, _DESCRIPTOR = "PaletteColorLookupTableData", "PaletteColorLookupTableDescriptor"
_ALL = 1 << 16  # entries, which the descriptor states as 0
_NO_MORE_TRUE = (
    *(f"{colour}{name}" for colour in _COLOURS for name in (_TABLE, _DESCRIPTOR)),
    *("PaletteColorLookupTableUID", "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("SmallestImagePixelValue", "LargestImagePixelValue"),
)


class Palette(NamedTuple):
    """A map of stored values to colours."""

    first: int
    """The stored value of the first colour."""
    colours: Samples
    """Colours [values, 3] in 8 bits."""


def palette_of(dataset: Dataset) -> Palette:
    """Read the palette; raises UnreadableImage, and UnsupportedImage for a segmented one."""
    if f"SegmentedRed{_TABLE}" in dataset:
        raise UnsupportedImage("A DICOM of a palette in segments is not supported.")
    descriptors = [tuple(needed(dataset, colour + _DESCRIPTOR)) for colour in _COLOURS]
    count, first, bits = descriptors[0]
    if len(set(descriptors)) > 1 or bits not in (8, 16):
        raise UnsupportedImage("A DICOM of a palette whose tables differ is not supported.")
    order = "<" if dataset.original_encoding[1] else ">"
    tables = [_table(dataset[name + _TABLE].value, count or _ALL, order) for name in _COLOURS]
    colours = np.stack(tables, axis=-1)
    if colours.max() > 255:  # some writers use the lower 8 of the 16 bits, others the upper
        colours >>= 8
    return Palette(first, colours.astype(np.uint8))


def coloured(frame: Samples, palette: Palette) -> Samples:
    """Return the colours [rows, columns, 3] of stored values [rows, columns, 1]."""
    places = np.clip(frame[..., 0].astype(np.int32) - palette.first, 0, len(palette.colours) - 1)
    return np.asarray(palette.colours[places])


def without_palette(dataset: Dataset) -> None:
    """Change the declared properties of the pixels to RGB of 8 bits."""
    for name in _NO_MORE_TRUE:
        if name in dataset:
            del dataset[name]
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 3, 0
    dataset.BitsAllocated = dataset.BitsStored = 8


def _table(stored: bytes, count: int, order: str) -> Samples:
    """Return the entries of a table: words, or bytes if it has just as many of these."""
    size = 1 if len(stored) in (count, count + count % 2) else 2
    if len(stored) < count * size:
        raise UnreadableImage("The DICOM has a palette that is truncated.")
    return np.frombuffer(stored, f"{order}u{size}", count).astype(np.uint16)
