"""Pictures as callers have them: files, their bytes, or arrays."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = str | PathLike[str] | bytes | NDArray[Any]
"""A path, the bytes of a file, or an array of shape (height, width) or (height, width, channels).

Channels are grey, grey and alpha, red, green and blue, or these and alpha. uint8 and uint16 are
sent as they are; floats, from 0 to 1, with 16 bits.
"""


@dataclass(frozen=True)
class Result:
    """A picture that the service has answered with."""

    data: bytes
    """The file."""
    media_type: str
    """Its kind, such as `image/png`."""
    model: str | None = None
    """By which it was denoised."""
    sigma: float | None = None
    """Standard deviation of the noise found, in parts of the working range."""
    seed: int | None = None
    """Which gives the same noise again."""
    changes: tuple[str, ...] = ()
    """What the file holds otherwise than the one sent, or not at all: docs/fidelity.md."""
    is_float: bool = False
    """Whether floats were sent, so that `array` gives floats."""

    def save(self, path: str | PathLike[str]) -> Path:
        """Writes the file and returns its path; the suffix does not choose the format."""
        target = Path(path)
        target.write_bytes(self.data)
        return target

    def array(self) -> NDArray[Any]:
        """The pixels, as `Picture` describes arrays: floats from 0 to 1 where such were sent.

        Raises ValueError for TIFF, NIfTI and DICOM, which need libraries of their own.
        """
        pixels = _decode(self.data, self.media_type)
        if not self.is_float:
            return pixels
        return (pixels / np.float32(np.iinfo(pixels.dtype).max)).astype(np.float32)


def read(picture: Picture) -> bytes:
    """The file to send; raises OSError, or TypeError or ValueError for what is no picture."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, np.ndarray):
        return _encode(picture)
    return Path(picture).read_bytes()


def is_float(picture: Picture) -> bool:
    """Whether it is an array of floats."""
    return isinstance(picture, np.ndarray) and picture.dtype.kind == "f"


def _encode(pixels: NDArray[Any]) -> bytes:
    import imagecodecs  # not for those who have files

    if pixels.ndim not in (2, 3) or not pixels.size or (pixels.ndim == 3 and pixels.shape[2] > 4):
        raise ValueError(f"an array of shape {pixels.shape} is no picture")
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
    }
    if media_type not in decoders:
        raise ValueError(f"no array of {media_type} can be made here; ask for format='png'")
    pixels: NDArray[Any] = decoders[media_type](data)
    return pixels
