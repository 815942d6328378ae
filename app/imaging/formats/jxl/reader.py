"""Read JPEG XL: structure by our own parser, pixels by libjxl, which gets only the codestream."""

from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np

from app.imaging.formats.jxl.frames import check_frames
from app.imaging.formats.jxl.header import GREY, Head, Samples, read_head
from app.imaging.formats.jxl.profile import read_profile
from app.imaging.formats.jxl.stream import codestream, read_metadata
from app.imaging.metadata import upright
from app.imaging.picture import (
    Change,
    Format,
    Header,
    Picture,
    UnreadableImage,
    UnsupportedImage,
    those_of,
)
from app.imaging.samples import deinterleave, unpremultiply, widen
from app.imaging.stack import Stack

_FLOATS: dict[Samples, type[np.number[Any]]] = {
    Samples(16, 5): np.float16,
    Samples(32, 8): np.float32,
}
_DEEPEST = 16  # maximum bits of integers that are decoded as integers
_PIXEL_BYTES = 24  # while decoding, a squeezed picture takes four 32-bit numbers per pixel


def read_header(data: bytes) -> Header:
    """Read the size of the upright picture, and whether it is animated."""
    stream = codestream(data)
    head = read_head(stream)
    if not head.animated:
        _type(head.samples)
        check_frames(stream, head)
    width, height = _upright_size(head)
    return Header(Format.JXL, width, height, Stack(1 + head.animated), pixel_bytes=_PIXEL_BYTES)


def decode(data: bytes) -> Picture:
    """Decode an upright picture of integers of up to 16 bits, or floating point of 16 or 32.

    Integers of 1 to 7 bits become 8, and of 9 to 15 become 16; those of more become floating point.
    """
    stream = codestream(data)
    head = read_head(stream)
    samples = imagecodecs.jpegxl_decode(stream, index=0, numthreads=1)
    if head.depth_map and not head.alpha and head.colours.space == GREY:
        samples = samples[0]  # planes, of which the first is grey
    channels = (1 if head.colours.space == GREY else 3) + head.alpha
    size = (*_upright_size(head)[::-1], *([channels] if channels > 1 else []))
    if samples.shape != size or samples.dtype != _type(head.samples):
        raise UnreadableImage("The JPEG XL image is not what it declares.")
    if samples.dtype.kind == "u":
        samples = widen(samples, head.samples.bits)
    pixels, alpha = deinterleave(samples)
    if head.premultiplied and alpha is not None:
        pixels = unpremultiply(pixels, alpha)
    profile = None if head.colours.is_srgb else read_profile(stream)
    found, beside = read_metadata(data)
    # EXIF only repeats the orientation
    _, metadata, lost = upright(replace(found, icc=profile), by_container=True)
    changes = those_of(
        {
            Change.ALPHA: head.premultiplied,
            Change.DEPTH: 8 * pixels.itemsize != head.samples.bits,
            Change.DEPTH_MAP: head.depth_map,
            Change.ORIENTATION: head.orientation != 1,
            Change.PROFILE: profile is None and not head.colours.is_srgb,
        }
    )
    return Picture(
        pixels,
        alpha,
        Format.JXL,
        replace(metadata, lossless=not head.lossy),
        changes | beside | lost - {Change.ORIENTATION},
    )


def _upright_size(head: Head) -> tuple[int, int]:
    """Return the width and height of the upright picture."""
    return (head.height, head.width) if head.orientation >= 5 else (head.width, head.height)


def _type(samples: Samples) -> type[np.number[Any]]:
    """Return the type that samples are decoded as; raise `UnsupportedImage` for rare floats."""
    if samples.exponent:
        if samples not in _FLOATS:
            raise UnsupportedImage("The JPEG XL image has floating point of a rare kind.")
        return _FLOATS[samples]
    if samples.bits > _DEEPEST:
        return np.float32
    return np.uint8 if samples.bits <= 8 else np.uint16
