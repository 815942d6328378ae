"""Decode and encode images: the only way in and out for image files.

>>> picture = decode(data, max_pixels=64_000_000)
>>> encode(picture).data
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from app.imaging import formats
from app.imaging.changes import on_encoding, without_misfit
from app.imaging.formats.format import FileFormat
from app.imaging.formats.jpeg.coding import turned as turned_sampling
from app.imaging.light import says_linear
from app.imaging.metadata import upright
from app.imaging.orientation import is_transposed, orient
from app.imaging.picture import (
    Changes,
    Format,
    Header,
    ImagingError,
    Note,
    Picture,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.scale import Pixels, is_plain
from app.imaging.stack import MAX_FRAMES

MAX_SIDE = 65_500  # pixels; JPEG allows no more


@dataclass(frozen=True, slots=True)
class Encoded:
    """An image file in memory, and how it differs from the upload."""

    data: bytes
    format: Format
    changes: Changes
    notes: tuple[Note, ...] = ()
    """Remarks for whoever receives the file."""


def read_header(data: bytes) -> Header:
    """Read the header of a file, without decoding the image.

    Raises `UnsupportedImage` if the file is not an image of a supported format, and
    `UnreadableImage` if the header is invalid.
    """
    found = formats.of_file(data)
    with _reading(found):
        return found.read_header(data)


def decode(
    data: bytes, *, max_pixels: int, max_side: int = MAX_SIDE, header: Header | None = None
) -> Picture:
    """Decode a file into an upright picture.

    `header` is the result of `read_header` for the file, if that is known already. Raises
    `TooManyPixels`, before decoding, if the header declares more than `max_pixels` in total or
    `max_side` in width or height; `UnsupportedImage` for animations, many pages and unknown
    formats; and `UnreadableImage` for truncated or damaged files.
    """
    found = formats.of_file(data)
    with _reading(found):
        header = header or found.read_header(data)
        _check(header, max_pixels, max_side, takes_frames=found.holds.frames)
        picture = found.decode(data)
        found_size = picture.width, picture.height, picture.stack.frames
        if found_size != (header.width, header.height, header.stack.frames):
            raise UnreadableImage(f"The {found.title} image is not of the size that it declares.")
        return replace(_turned_upright(picture), modality=header.modality)


def encode(
    picture: Picture,
    format: Format | None = None,  # noqa: A002
    quality: int | None = None,
) -> Encoded:
    """Encode a picture in its own format or another, with the metadata that the format can store.

    PNG keeps 8 and 16 bits, JPEG XL also floats of 0 to 1, and TIFF all numbers; JPEG and WebP are
    rounded to 8 bits, AVIF to 12. All but PNG and TIFF take a `quality` of 1 to 100. Raises
    `UnsuitableFormat` if the format cannot hold the picture: transparency in JPEG, a side that is
    too long, or numbers beyond the range of its samples.
    """
    if quality is not None and not 1 <= quality <= 100:
        raise UnsuitableFormat("quality must be between 1 and 100.")
    target = formats.FORMATS[picture.format if format is None else format]
    if target.encode is None:
        raise UnsuitableFormat(f"{target.title} images are read here, but not written.")
    if picture.stack.frames > 1 and not target.holds.frames:
        what = "channels" if picture.metadata.bands else "frames"
        raise UnsuitableFormat(
            f"{target.title} cannot hold {picture.stack.frames} {what}; ask for tiff."
        )
    if not (target.holds.numbers or (is_plain(picture.pixels) and _is_plain_beside(picture))):
        raise UnsuitableFormat(
            f"{target.title} cannot hold samples that are signed, have 32 bits, or are floating "
            "point beyond 0 to 1; ask for tiff."
        )
    picture = without_misfit(picture, target)
    data = target.encode(picture, quality)
    changes = on_encoding(picture, target)
    return Encoded(data, Format(target.name), changes, picture.metadata.notes)


def _is_plain_beside(picture: Picture) -> bool:
    return picture.alpha is None or is_plain(picture.alpha)


@contextmanager
def _reading(found: FileFormat) -> Iterator[None]:
    """Turn any error of a decoder into one that the caller can act on."""
    try:
        yield
    except (ImagingError, MemoryError):
        raise
    except Exception as error:  # decoders raise arbitrary errors when a file is damaged
        raise UnreadableImage(f"The {found.title} image is truncated or damaged.") from error


def _check(header: Header, max_pixels: int, max_side: int, *, takes_frames: bool) -> None:
    if header.width < 1 or header.height < 1:
        raise UnreadableImage("The image declares a width or a height of 0.")
    if header.stack.frames != 1 and not takes_frames:
        raise UnsupportedImage("The image is animated; send one still image at a time.")
    if header.stack.frames > MAX_FRAMES:
        raise TooManyPixels(
            f"The image has {header.stack.frames} frames; at most {MAX_FRAMES} are taken."
        )
    if header.size > max_pixels or max(header.width, header.height) > max_side:
        times = f" in {header.stack.frames} frames" if header.stack.frames > 1 else ""
        raise TooManyPixels(
            f"The image declares {header.width} x {header.height} pixels{times}; at most "
            f"{max_pixels} are taken, and {max_side} a side."
        )


def _turned(jpeg: tuple[int, str] | None, orientation: int) -> tuple[int, str] | None:
    """Return how a JPEG was coded, with its subsampling turned along with the image."""
    if jpeg is None or not is_transposed(orientation):
        return jpeg
    return jpeg[0], turned_sampling(jpeg[1])


def _turned_upright(picture: Picture) -> Picture:
    orientation, metadata, changes = upright(picture.metadata)
    metadata = replace(
        metadata, linear=says_linear(metadata), jpeg=_turned(metadata.jpeg, orientation)
    )

    def turned(plane: Pixels) -> Pixels:
        if orientation == 1:
            return np.ascontiguousarray(plane)
        frames = np.split(plane, picture.stack.frames)
        return np.concatenate([orient(frame, orientation) for frame in frames])

    return replace(
        picture,
        pixels=turned(picture.pixels),
        alpha=None if picture.alpha is None else turned(picture.alpha),
        extra=None if picture.extra is None else turned(picture.extra),
        metadata=metadata,
        changes=picture.changes | changes,
    )
