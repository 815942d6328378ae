"""Bytes to pictures and back: the door of every image that enters or leaves."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from app.imaging.picture import (
    Format,
    ImagingError,
    Metadata,
    Picture,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)

__all__ = [
    "Encoded",
    "Format",
    "Header",
    "ImagingError",
    "Metadata",
    "Picture",
    "TooManyPixels",
    "UnreadableImage",
    "UnsuitableFormat",
    "UnsupportedImage",
    "decode",
    "encode",
    "read_header",
]

MAX_SIDE = 65_500  # the longest that JPEG can be written with


@dataclass(frozen=True, slots=True)
class Header:
    """What a file declares before anything of it is decoded; width and height as stored."""

    format: str
    width: int
    height: int
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file in memory."""

    data: bytes
    format: Format

    @property
    def media_type(self) -> str:
        """The MIME type of ``data``."""
        return self.format.media_type


def _open(data: bytes) -> Image.Image:
    if not data:
        raise UnreadableImage("The image is empty.")
    try:
        return Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
    except Exception as error:
        raise UnsupportedImage("This is not an image in a format that is read here.") from error


def read_header(data: bytes) -> Header:
    """Read what the file declares, decoding nothing."""
    image = _open(data)
    frames = getattr(image, "n_frames", 1)
    return Header((image.format or "").lower(), image.width, image.height, frames)


def decode(data: bytes, *, max_pixels: int, max_side: int = MAX_SIDE) -> Picture:
    """Decode a file into a picture the right way up."""
    header = read_header(data)
    if header.width * header.height > max_pixels or max(header.width, header.height) > max_side:
        raise TooManyPixels(f"The image has {header.width} x {header.height} pixels.")
    if header.frames > 1:
        raise UnsupportedImage("Animated images and those of many pages are not taken.")
    try:
        image = ImageOps.exif_transpose(_open(data))
        alpha: np.ndarray[Any, Any] | None = None
        if image.has_transparency_data:
            image = image.convert("RGBA")
            alpha = np.ascontiguousarray(np.asarray(image)[..., 3])
        image = image.convert("L" if image.mode in ("1", "L") else "RGB")
        pixels = np.asarray(image)
    except Exception as error:
        raise UnreadableImage("The image cannot be read.") from error
    name = header.format if header.format in list(Format) else "png"
    return Picture(
        np.atleast_3d(pixels), alpha, Format(name), Metadata(icc=image.info.get("icc_profile"))
    )


def encode(
    picture: Picture,
    format: Format | None = None,  # noqa: A002
    quality: int | None = None,
) -> Encoded:
    """Encode a picture in its own format, or in another."""
    target = format or picture.format
    pixels = picture.pixels[..., 0] if picture.channels == 1 else picture.pixels
    image = Image.fromarray(pixels)
    if picture.alpha is not None:
        if target is Format.JPEG:
            raise UnsuitableFormat("JPEG cannot hold transparency; ask for png, webp or tiff.")
        image.putalpha(Image.fromarray(picture.alpha))
    file = io.BytesIO()
    image.save(file, target.value, quality=95 if quality is None else quality)
    return Encoded(file.getvalue(), target)
