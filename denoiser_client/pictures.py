"""Images of callers: files, bytes, or arrays."""

import io
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image


class Readable(Protocol):
    """A file opened in binary mode, or anything that reads like one."""

    def read(self) -> bytes:
        """Return the bytes from the current position to the end."""
        ...


Picture: TypeAlias = "str | PathLike[str] | bytes | Readable | NDArray[Any] | Image"
"""A path, the bytes of a file, an open file, an array, or an image of Pillow.

An array is of shape (height, width) or (height, width, channels). Channels are grey, grey and
alpha, RGB, or RGBA. uint8 and uint16 are sent as they are; floats, from 0 to 1, as 16 bits.
Images of Pillow are sent as PNG, in their own mode and with their colour profile, or as TIFF for
CMYK, floats and 32-bit integers, which PNG cannot store; the result is then TIFF as well, unless
another format is requested. A folder with the DICOM files of a series is sent as a zip, and the
result is also a zip.
"""

_AS_PNG = {"1", "I;16", "I;16B", "L", "LA", "P", "RGB", "RGBA"}
_AS_TIFF = {"CMYK", "F", "I"}
_CONVERTED = {"HSV": "RGB", "La": "LA", "PA": "RGBA", "RGBX": "RGB", "RGBa": "RGBA", "YCbCr": "RGB"}
"""Modes of Pillow that files do not have, and modes for the same pixels."""


@dataclass(frozen=True)
class Result:
    """An image returned by the service."""

    data: bytes = field(repr=False)
    """The content of the file."""
    media_type: str
    """Its media type, such as `image/png`."""
    model: str | None = None
    """The model that denoised it."""
    sigma: float | None = None
    """Standard deviation of the noise found, as a fraction of the working range."""
    seed: int | None = None
    """The seed that reproduces the noise."""
    changes: tuple[str, ...] = ()
    """What differs from the file that was sent, or is missing: see docs/fidelity.md."""
    is_float: bool = False
    """Whether floats were sent, so that `array` returns floats."""

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the file and return its path; the suffix does not choose the format."""
        target = Path(path)
        target.write_bytes(self.data)
        return target

    def array(self) -> NDArray[Any]:
        """Return the pixels as an array, as `Picture` describes; floats if floats were sent.

        Raises ValueError for TIFF, FITS, DICOM and volumes such as NIfTI, which need other
        libraries.
        """
        pixels = _decode(self.data, self.media_type)
        if not self.is_float:
            return pixels
        return (pixels / np.float32(np.iinfo(pixels.dtype).max)).astype(np.float32)


def read(picture: Picture) -> bytes:
    """Return the file to send; raise OSError, TypeError or ValueError for what is not an image."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, np.ndarray):
        return _encode(picture)
    if isinstance(picture, str | PathLike):
        path = Path(picture)
        return _zipped(path) if path.is_dir() else path.read_bytes()
    if hasattr(picture, "read"):
        return _rest(picture)
    return _of_pillow(picture)


def _rest(file: Readable) -> bytes:
    data = file.read()
    if not isinstance(data, bytes):
        raise TypeError(f"open the file in binary mode: it reads as {type(data).__name__}")
    return data


def _of_pillow(picture: object) -> bytes:
    from PIL.Image import Image  # not needed by callers who have files

    if not isinstance(picture, Image):
        raise TypeError(f"{type(picture).__name__} is not an image")
    if picture.mode in _CONVERTED:
        picture = picture.convert(_CONVERTED[picture.mode])
    if picture.mode not in _AS_PNG | _AS_TIFF:
        raise TypeError(f"an image of mode {picture.mode} cannot be sent: make it one of mode RGB")
    file = io.BytesIO()
    if picture.mode in _AS_TIFF:
        picture.save(file, "TIFF")
    else:
        picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _zipped(folder: Path) -> bytes:
    """Return a zip of all files below a folder."""
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def is_float(picture: Picture) -> bool:
    """Return whether a picture is an array of floats."""
    return isinstance(picture, np.ndarray) and picture.dtype.kind == "f"


def _encode(pixels: NDArray[Any]) -> bytes:
    import imagecodecs  # not needed by callers who have files

    if pixels.ndim not in (2, 3) or not pixels.size or (pixels.ndim == 3 and pixels.shape[2] > 4):
        raise ValueError(f"an array of shape {pixels.shape} is not an image")
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise ValueError("floats must lie between 0 and 1")
        pixels = np.rint(pixels * 65_535).astype(np.uint16)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise TypeError(f"pixels are uint8, uint16 or floats, not {pixels.dtype}")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1))


def _decode(data: bytes, media_type: str) -> NDArray[Any]:
    import imagecodecs

    decoders = {
        "image/png": imagecodecs.png_decode,
        "image/jpeg": imagecodecs.jpeg8_decode,
        "image/webp": imagecodecs.webp_decode,
        "image/avif": imagecodecs.avif_decode,
        "image/jxl": imagecodecs.jpegxl_decode,
        "image/jp2": imagecodecs.jpeg2k_decode,
    }
    if media_type not in decoders:
        raise ValueError(f"{media_type} cannot be decoded to an array here; ask for format='png'")
    pixels: NDArray[Any] = decoders[media_type](data)
    return pixels
