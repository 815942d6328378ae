"""An image in memory, and the errors of reading and writing one."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.imaging.stack import STILL, Stack


class ImagingError(ValueError):
    """A problem of an image that its sender can solve; the message is safe to show them."""


class UnreadableImage(ImagingError):
    """The bytes claim to be an image but cannot be read as one: truncated, corrupt, empty."""


class UnsupportedImage(ImagingError):
    """Not an image, or an unsupported one: another format, animated, many pages."""


class TooManyPixels(ImagingError):
    """The file declares a larger image, or more work on it, than the limits allow."""


class UnsuitableFormat(ImagingError):
    """The requested format cannot store this image: transparency in JPEG, a side too long."""


class Change(enum.StrEnum):
    """What differs in a response from the upload, or is missing."""

    ALPHA = "alpha"
    """A transparent colour became an alpha channel, premultiplied colours were divided by theirs,
    or an alpha channel that is opaque all over was left out."""
    CHANNEL = "channel"
    """A channel beside the colours, without a stated meaning, cannot be stored in the result."""
    COLOURS = "colours"
    """A palette or inks became grey or RGB, or grey became RGB."""
    DEPTH = "depth"
    """Samples have more bits than in the upload, or fewer."""
    DEPTH_MAP = "depth-map"
    """A map of distances that came with the image is left out."""
    END = "end"
    """The file was truncated or damaged after its last pixel."""
    FILES = "files"
    """Files of a zip that are no scans are left out; a text in the result names them."""
    FILM = "film"
    """The film of a motion photo is left out."""
    FORMAT = "format"
    """The upload's format is read but not written, so another was used instead."""
    GAIN_MAP = "gain-map"
    """The gain map, for brighter screens, is left out."""
    METADATA = "metadata"
    """Metadata was stripped, was damaged, or cannot be stored in the result; thumbnails, too."""
    ORIENTATION = "orientation"
    """Rows and columns were turned, and the orientation now says that they are upright."""
    PICTURES = "pictures"
    """Further images in the file, such as other views or previews, are left out."""
    PROFILE = "profile"
    """The colour profile was applied, was damaged, or cannot be stored in the result."""


Changes = frozenset[Change]


def those_of(changes: Mapping[Change, bool]) -> Changes:
    """Return the changes that apply."""
    return frozenset(change for change, has_happened in changes.items() if has_happened)


class Note(enum.StrEnum):
    """What whoever gets a picture back is to know of it."""

    BURNED_IN = "burned-in-annotation"
    """The file says that there is text in its pixels that may tell of a patient."""
    NOT_FOR_DIAGNOSIS = "not-for-diagnosis"
    """It is a scan, from which noise was taken by guess."""


MODALITY = "[A-Z]{2,16}"
"""The pattern of a modality, one of DICOM's codes for how a scan was made (PS3.3 C.7.3.1.1.1)."""


class Format(enum.StrEnum):
    """A file format that is written (and read); `app.imaging.formats` describes each."""

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
    NIFTI = "nifti"
    NIFTI_GZ = "nifti-gz"
    DICOM = "dicom"
    DICOM_ZIP = "dicom-zip"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file declares before anything of it is decoded.

    `format` is the name of one that is read. `width` and `height` are those of a frame as stored,
    before any orientation; `frames` counts pages and slices, too, which lie as `volumes`,
    `spacing`, `channels` and `run` say (see `Stack`). `pixel_bytes` is the most that a
    pixel takes while it is decoded: four 16-bit samples as stored, and four as they are kept;
    `more_bytes` is what decoding takes beside the image, for a tile that is larger, and `segments`
    counts the tiles or strips of all frames, which are decoded one by one. `modality` is that of a
    grey scan, such as MR; else, and where it is unknown, it is empty.
    """

    format: str
    width: int
    height: int
    frames: int = 1
    pixel_bytes: int = 16
    more_bytes: int = 0
    segments: int = 1
    volumes: int = 1
    spacing: tuple[float, float, float] | None = None
    modality: str = ""
    channels: int = 1
    run: int = 1

    @property
    def stack(self) -> Stack:
        """The arrangement of the frames."""
        return Stack(self.frames, self.volumes, self.spacing, self.channels, self.run)

    @property
    def size(self) -> int:
        """Pixels of all frames."""
        return self.width * self.height * self.frames

    @property
    def decoded_bytes(self) -> int:
        """The most memory that decoding takes."""
        return self.size * self.pixel_bytes + self.more_bytes


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says about its image, as far as another file can store it.

    `exif` is a bare TIFF structure, without the `Exif` prefix that some formats put before it;
    `dpi` is horizontal, vertical. `colour` holds the chunks by which PNG defines its samples,
    whatever the file was, and `native` further parts, such as PNG text, as the image's own format
    stores them: these are written into that format alone. `gain_map` is a JPEG. `lossless` says
    that the file was a PNM, or a lossless WebP, JPEG XL or JPEG 2000, to be written losslessly
    again; `jpeg` are the quality, 1 to 100, and the chroma subsampling, such as "420", of a file
    that was a JPEG. `linear` says that the samples are proportional to light. `negative` is for
    files that store white as the least value: what a sample and its stored value add up to. `white`
    is for files whose samples fill neither 8 nor 16 bits and were spread over these: the stored
    value of white.
    `bands` are for a TIFF whose frames are the channels of one page: what colours it has, and what
    each further channel is, in the numbers of TIFF. `notes` are for whoever gets the image, and
    `made` says in words what was done to the samples.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    colour: tuple[bytes, ...] = ()
    native: tuple[bytes, ...] = ()
    gain_map: bytes | None = None
    lossless: bool = False
    jpeg: tuple[int, str] | None = None
    linear: bool = False
    negative: float | None = None
    white: int | None = None
    bands: tuple[int, ...] = ()
    notes: tuple[Note, ...] = ()
    made: str = ""

    @property
    def is_srgb(self) -> bool:
        """Whether the samples are sRGB, by declaration or by default."""
        said = {chunk[4:8] for chunk in self.colour}
        return self.icc is None and (not said or (b"sRGB" in said and b"cICP" not in said))

    @property
    def nbytes(self) -> int:
        """Bytes of all parts together."""
        parts = (self.icc, self.exif, self.xmp, self.gain_map, *self.colour, *self.native)
        return sum(len(part) for part in parts if part)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Upright pixels, and what else must survive a round trip.

    `pixels` is `[height, width, channels]`, C-contiguous, with 1 channel (grey) or 3 (RGB):
    integers of 8, 16 or 32 bits, signed or not, or floating point of any range. White is the
    greatest integer, or 1. `alpha` is `[height, width]` of the same type, not premultiplied;
    instead of it there may be `extra`, a channel whose meaning the file does not state, such as
    near infrared. `format` is the one of the result unless the caller asks for another; `changes`
    are those made by decoding. Several frames, described by `stack`, lie one below the other in
    these arrays. `modality` is that of its header.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    format: Format = Format.PNG
    metadata: Metadata = field(default_factory=Metadata)
    changes: Changes = frozenset()
    extra: NDArray[Any] | None = None
    stack: Stack = STILL
    modality: str = ""

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
    def size(self) -> int:
        """Pixels of all frames."""
        return int(self.pixels.shape[0]) * self.width

    @property
    def depth(self) -> int:
        """Bits per sample: 8, 16, 32 or 64."""
        return 8 * self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the samples, shared by pixels and alpha."""
        return self.pixels.dtype


def described(picture: Picture, made: str) -> Picture:
    """Return the image with a description of how it was made."""
    return replace(picture, metadata=replace(picture.metadata, made=made))
