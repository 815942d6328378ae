"""The declared properties of the pixels of a DICOM: PS3.3, C.7.6.3."""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from app.imaging.formats.dicom.palette import PALETTE
from app.imaging.formats.dicom.values import needed, value
from app.imaging.picture import MODALITY, UnreadableImage, UnsupportedImage

MAX_OVERLAYS = 16
"""The groups of overlays: 6000 to 601E."""


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


def kind_of(dataset: Dataset) -> Kind:
    """Read the declared properties of the pixels; raises UnsupportedImage."""
    allocated, stored = (int(needed(dataset, f"Bits{what}")) for what in ("Allocated", "Stored"))
    if allocated not in (8, 16) or not 1 < stored <= allocated:
        raise UnsupportedImage(
            f"A DICOM whose pixels have {stored} bits in {allocated} is not supported: they must "
            "have 2 to 16, in 8 or 16. Masks of segmentations have 1, and doses often 32."
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


def _has_overlay_within(dataset: Dataset) -> bool:
    groups = range(0x6000, 0x6000 + 2 * MAX_OVERLAYS, 2)
    return any((group, 0x0010) in dataset and (group, 0x3000) not in dataset for group in groups)


def _stored(padding: Any, kind: Kind) -> int:
    """Convert a padding value, given unsigned or as bytes, to the type of the samples."""
    number = int.from_bytes(padding[:2], "little") if isinstance(padding, bytes) else int(padding)
    return int(np.array(number & 0xFFFF, "u2").astype(f"u{kind.allocated // 8}").view(kind.dtype))
