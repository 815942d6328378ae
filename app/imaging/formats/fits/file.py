"""Read and write FITS files: new samples for one image, all other bytes unchanged."""

from typing import Any

import numpy as np

from app.imaging.formats.fits.head import CARD, Head, cards, read_head
from app.imaging.picture import (
    Format,
    Header,
    Metadata,
    Picture,
    UnreadableImage,
    UnsuitableFormat,
)
from app.imaging.samples import Samples
from app.imaging.scale import limits

_NO_MORE_TRUE = (b"CHECKSUM", b"DATASUM", b"DATAMIN", b"DATAMAX")
"""Cards that tell of the samples as they were."""


def read_header(data: bytes) -> Header:
    """Read the headers up to the first image, and see that its samples are there."""
    head = read_head(data)
    if head.end > len(data):
        raise UnreadableImage("The FITS image is truncated.")
    return declared(head, len(data), Format.FITS)


def declared(head: Head, size: int, name: Format) -> Header:
    """Return the header of an image in a file of so many bytes."""
    return Header(
        name,
        head.width,
        head.height,
        head.stack.frames,
        max(16, 4 * head.dtype.itemsize),
        2 * (size - head.end + head.start),
        channels=head.stack.channels,
    )


def decode(data: bytes) -> Picture:
    """Decode samples as they are stored, the rows from the highest to the lowest.

    Scales are left to whoever reads them, but for those that make numbers unsigned or signed. What
    is blank is hidden by an alpha of 0.
    """
    head = read_head(data)
    stored = _turned(np.frombuffer(data, head.dtype, head.samples, head.start), head)
    shape = head.stack.frames * head.height, head.width
    pixels, alpha = _moved(stored.astype(_native(head), "C"), head).reshape(*shape, 1), None
    if head.blank is not None and (is_blank := stored == head.blank).any():
        alpha = np.where(is_blank, 0, limits(pixels.dtype)[1]).astype(pixels.dtype).reshape(shape)
    return Picture(
        pixels,
        alpha,
        Format.FITS,
        Metadata(native=(data[: head.start], data[head.end :])),
        stack=head.stack,
    )


def encode(picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG001
    """Encode what came as a FITS, with what was before and behind its samples as it was.

    Cards that would no longer be true of other samples become blank. Raises `UnsuitableFormat` for
    all else.
    """
    native = picture.metadata.native
    if picture.format not in (Format.FITS, Format.FITS_GZ) or len(native) != 2:
        raise UnsuitableFormat(
            "Only what came as a FITS, and with its metadata, can be written as one; ask for tiff."
        )
    head = read_head(native[0])
    given, empty = (picture.width, picture.height, picture.stack), np.empty(0, _native(head))
    kept = head.width, head.height, head.stack
    if given != kept or picture.dtype != _moved(empty, head).dtype:
        raise UnsuitableFormat("The image is not what its FITS header describes; ask for tiff.")
    samples = _turned(_moved(picture.pixels, head), head).view(_native(head)).astype(head.dtype)
    header = bytearray(native[0])
    for place, name in cards(native[0][head.header :]):
        if name in _NO_MORE_TRUE:
            header[head.header + place : head.header + place + CARD] = b" " * CARD
    return b"".join((header, samples.tobytes("C"), native[1]))


def _turned(samples: Samples, head: Head) -> Samples:
    """Return samples [frames, height, width] with the rows from the last to the first, which is the
    highest unless the header says otherwise, as of standard 4.0, 5.1.
    """
    frames = samples.reshape(head.stack.frames, head.height, head.width)
    return frames if head.is_top_down else frames[:, ::-1]


def _native(head: Head) -> np.dtype[Any]:
    return head.dtype.newbyteorder("=")


def _moved(samples: Samples, head: Head) -> Samples:
    """Convert stored numbers to those that they stand for by their offset, or back."""
    if not head.is_moved:
        return samples
    kind, size = samples.dtype.kind, samples.itemsize
    flipped = samples.view(f"u{size}") ^ (1 << (8 * size - 1))
    return flipped.view(f"{'i' if kind == 'u' else 'u'}{size}")
