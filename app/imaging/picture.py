"""An image in memory, and the errors of reading and writing one."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from app.imaging.stack import STILL, Stack

ImagingCode = Literal[
    "unreadable-image",
    "unsupported-media-type",
    "too-many-pixels",
    "too-large",
    "unsuitable-format",
]


class ImagingError(ValueError):
    """A problem of an image that its sender can solve; the message is safe to show to them."""

    code: ClassVar[ImagingCode] = "unreadable-image"
    """The kind of problem, for programs."""


class UnreadableImage(ImagingError):
    """The bytes claim to be an image but cannot be read as one: truncated, corrupt, empty."""


class UnsupportedImage(ImagingError):
    """Not an image, or an unsupported one: another format, animated, many pages."""

    code = "unsupported-media-type"


class TooManyPixels(ImagingError):
    """The file declares a larger image, or more work on it, than the limits allow."""

    code = "too-many-pixels"


class UnsuitableFormat(ImagingError):
    """The requested format cannot store this image: transparency in JPEG, a side too long."""

    code = "unsuitable-format"


class Change(enum.StrEnum):
    """What differs from the upload in a response, or is missing there."""

    ALPHA = "alpha"
    """A transparent colour became an alpha channel, premultiplied colours were divided by alpha,
    or an alpha channel that is entirely opaque was left out."""
    CHANNEL = "channel"
    """A channel without a stated meaning, besides the colours, cannot be stored in the result."""
    COLOURS = "colours"
    """A palette or inks became grey or RGB, or grey became RGB."""
    DEPTH = "depth"
    """Samples have more bits than in the upload, or fewer."""
    DEPTH_MAP = "depth-map"
    """A depth map that came with the image is left out."""
    END = "end"
    """The file was truncated or damaged after its last pixel."""
    FILES = "files"
    """Files of a zip that are not scans are left out; a text file in the result names them."""
    FILM = "film"
    """The video of a motion photo is left out."""
    FORMAT = "format"
    """The upload's format is read but not written, so another was used instead."""
    GAIN_MAP = "gain-map"
    """The gain map, for brighter screens, is left out."""
    METADATA = "metadata"
    """Metadata, such as a thumbnail, was stripped, was damaged, or cannot be stored in the
    result.
    """
    ORIENTATION = "orientation"
    """The image was turned upright, and its orientation now says so."""
    PICTURES = "pictures"
    """Further images in the file, such as other views or previews, are left out."""
    PROFILE = "profile"
    """The colour profile was applied, was damaged, or cannot be stored in the result."""


Changes = frozenset[Change]


def those_of(changes: Mapping[Change, bool]) -> Changes:
    """Return the changes that apply."""
    return frozenset(change for change, has_happened in changes.items() if has_happened)


class Note(enum.StrEnum):
    """A remark for whoever receives the result."""

    BURNED_IN = "burned-in-annotation"
    """The file declares text in its pixels, which may identify a patient."""
    NOT_FOR_DIAGNOSIS = "not-for-diagnosis"
    """It is a denoised scan, whose noise was estimated, not known."""


MODALITY = "[A-Z]{2,16}"
"""The pattern of a modality: a DICOM code for the kind of scanner (PS3.3 C.7.3.1.1.1)."""


class Format(enum.StrEnum):
    """A file format that is read and written; `app.imaging.formats` describes each."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    TIFF = "tiff"
    AVIF = "avif"
    JXL = "jxl"
    JP2 = "jp2"
    PNM = "pnm"
    FITS = "fits"
    FITS_GZ = "fits-gz"
    MGH = "mgh"
    MGZ = "mgz"
    MHA = "mha"
    NRRD = "nrrd"
    NIFTI = "nifti"
    NIFTI_GZ = "nifti-gz"
    DICOM = "dicom"
    DICOM_ZIP = "dicom-zip"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file declares about its image, read without decoding it."""

    format: str
    """The name of a format that is read."""
    width: int
    height: int
    """Of a frame as stored, before any orientation; `width`, too."""
    stack: Stack = STILL
    pixel_bytes: int = 16
    """The most bytes that a pixel takes during decoding: by default four 16-bit samples, twice."""
    more_bytes: int = 0
    """What decoding takes in addition, for instance for a tile larger than the image."""
    segments: int = 1
    """The number of tiles or strips of all frames, which are decoded one by one."""
    modality: str = ""
    """The modality of a grey scan, such as MR; empty for other images, and if it is unknown."""

    @property
    def size(self) -> int:
        """Pixels of all frames."""
        return self.width * self.height * self.stack.frames

    @property
    def decoded_bytes(self) -> int:
        """The most memory that decoding takes."""
        return self.size * self.pixel_bytes + self.more_bytes


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file states about its image, as far as another file can store it."""

    icc: bytes | None = None
    """The colour profile."""
    exif: bytes | None = None
    """A bare TIFF structure, without the `Exif` prefix of some formats."""
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    """Horizontal, vertical."""
    colour: tuple[bytes, ...] = ()
    """The PNG chunks that define the colours, whatever the format of the file."""
    native: tuple[bytes, ...] = ()
    """Further parts, such as PNG text, as the file's own format stores them; only files of that
    format are written with them.
    """
    gain_map: bytes | None = None
    """A JPEG that makes the image brighter on suitable screens."""
    lossless: bool = False
    """Whether the file was a PNM, or a lossless WebP, JPEG XL or JPEG 2000, which is written
    losslessly again.
    """
    jpeg: tuple[int, str] | None = None
    """The quality, 1 to 100, and the chroma subsampling, such as "420", if the file was a JPEG."""
    linear: bool = False
    """Whether the samples are proportional to light."""
    negative: float | None = None
    """The sum of any sample and its stored value, if the file stores white as the least value."""
    white: int | None = None
    """The stored value of white, if it was spread to 8 or 16 bits."""
    no_data: float | None = None
    """The value of samples that stand for no data, if the file states it."""
    bands: tuple[int, ...] = ()
    """For a TIFF whose frames are the channels of one page: the numbers that TIFF has for its
    colours, and for the type of each further channel.
    """
    notes: tuple[Note, ...] = ()
    """Remarks for whoever receives the image."""
    made: str = ""
    """What was done to the samples, in words."""

    @property
    def is_srgb(self) -> bool:
        """Whether the samples are sRGB, by declaration or by default."""
        said = {chunk[4:8] for chunk in self.colour}
        return self.icc is None and (not said or (b"sRGB" in said and b"cICP" not in said))


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Upright pixels, and everything else that must survive a round trip."""

    pixels: NDArray[Any]
    """[height, width, channels], C-contiguous, with 1 channel (grey) or 3 (RGB): integers of 8, 16
    or 32 bits, signed or not, or floating point of any range. White is the greatest integer, or 1.
    """
    alpha: NDArray[Any] | None = None
    """[height, width] of the same type; the colours are not premultiplied by it."""
    format: Format = Format.PNG
    """That of the result, unless the caller asks for another."""
    metadata: Metadata = field(default_factory=Metadata)
    changes: Changes = frozenset()
    """Those made by decoding."""
    extra: NDArray[Any] | None = None
    """In place of alpha, a channel whose meaning the file does not state, such as near infrared."""
    stack: Stack = STILL
    """The arrangement of several frames, which lie one below the other in the arrays."""
    modality: str = ""
    """That of the header."""

    @property
    def height(self) -> int:
        """Rows of pixels of a frame."""
        return int(self.pixels.shape[0]) // self.stack.frames

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB; alpha and an extra channel are not counted."""
        return int(self.pixels.shape[2])

    @property
    def last_channel(self) -> NDArray[Any] | None:
        """The channel after the colours: alpha, or the extra one; None without either."""
        return self.extra if self.alpha is None else self.alpha

    @property
    def size(self) -> int:
        """Pixels of all frames."""
        return int(self.pixels.shape[0]) * self.width

    @property
    def depth(self) -> int:
        """Bits per sample: 8, 16, 32 or 64."""
        return 8 * self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the samples, of pixels and alpha alike."""
        return self.pixels.dtype


def described(picture: Picture, made: str) -> Picture:
    """Return the image with a description of what was done to it."""
    return replace(picture, metadata=replace(picture.metadata, made=made))
