"""Read and write FITS files: new samples for one image, all other bytes unchanged."""

from typing import Any

import numpy as np

from app.imaging.formats.fits.head import CARD, OPENING, Head, cards, read_head
from app.imaging.formats.format import recognise
from app.imaging.formats.volume import Kind
from app.imaging.picture import Format, Header, Metadata, Picture, UnreadableImage
from app.imaging.samples import Samples
from app.imaging.scale import limits

FITS = Kind("a FITS", (Format.FITS, Format.FITS_GZ), recognise(OPENING), read_head)

_NO_MORE_TRUE = (b"CHECKSUM", b"DATASUM", b"DATAMIN", b"DATAMAX")
"""Cards that hold only for the original samples."""


def read_header(data: bytes) -> Header:
    """Read the headers up to the first image, and check that its samples are complete."""
    head = read_head(data)
    if head.end > len(data):
        raise UnreadableImage("The FITS image is truncated.")
    return declared(head, len(data), Format.FITS)


def declared(head: Head, size: int, name: Format) -> Header:
    """Return the declared properties of an image in a file of so many bytes."""
    return Header(
        name,
        head.width,
        head.height,
        head.stack,
        max(16, 4 * head.dtype.itemsize),
        2 * (size - head.end + head.offset),
    )


def decode(data: bytes) -> Picture:
    """Decode stored samples, with rows from the highest to the lowest.

    Scales are not applied, except those that make numbers unsigned or signed. Blank pixels have an
    alpha of 0.
    """
    head = read_head(data)
    stored = _turned(np.frombuffer(data, head.dtype, head.samples, head.offset), head)
    shape = head.stack.frames * head.height, head.width
    pixels, alpha = _moved(stored.astype(_native(head), "C"), head).reshape(*shape, 1), None
    if head.blank is not None and (is_blank := stored == head.blank).any():
        alpha = np.where(is_blank, 0, limits(pixels.dtype)[1]).astype(pixels.dtype).reshape(shape)
    return Picture(
        pixels,
        alpha,
        Format.FITS,
        Metadata(native=(data[: head.offset], data[head.end :])),
        stack=head.stack,
    )


def encode(picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG001
    """Encode a picture read from a FITS, leaving all bytes around its samples unchanged.

    Cards that do not hold for new samples become blank. Raises `UnsuitableFormat` for all other
    pictures.
    """
    before, behind = FITS.around(picture)
    head = read_head(before)
    FITS.check(picture, head, _moved(np.empty(0, _native(head)), head).dtype)
    samples = _turned(_moved(picture.pixels, head), head).view(_native(head)).astype(head.dtype)
    header = bytearray(before)
    for place, name in cards(before[head.header :]):
        if name in _NO_MORE_TRUE:
            header[head.header + place : head.header + place + CARD] = b" " * CARD
    return b"".join((header, samples.tobytes("C"), behind))


def _turned(samples: Samples, head: Head) -> Samples:
    """Reverse the rows of samples [frames, height, width], unless the first is the highest.

    The last is the highest unless the header says otherwise (standard 4.0, 5.1).
    """
    frames = samples.reshape(head.stack.frames, head.height, head.width)
    return frames if head.is_top_down else frames[:, ::-1]


def _native(head: Head) -> np.dtype[Any]:
    return head.dtype.newbyteorder("=")


def _moved(samples: Samples, head: Head) -> Samples:
    """Apply the offset that makes stored numbers unsigned or signed, or remove it."""
    if not head.is_moved:
        return samples
    kind, size = samples.dtype.kind, samples.itemsize
    flipped = samples.view(f"u{size}") ^ (1 << (8 * size - 1))
    return flipped.view(f"{'i' if kind == 'u' else 'u'}{size}")
