"""Write JPEG: pixels by libjpeg-turbo, after metadata of our own."""

import struct
from collections.abc import Iterator

import imagecodecs

from app.imaging.formats.jpeg.frame import JFIF
from app.imaging.formats.jpeg.gain_map import appended, with_directory
from app.imaging.formats.jpeg.reader import ICC, XMP
from app.imaging.formats.jpeg.segments import APP0, APP1, APP2, MAX_BODY, write_segment
from app.imaging.metadata import EXIF_PREFIX
from app.imaging.picture import Change, Format, Metadata, Picture, UnsuitableFormat
from app.imaging.samples import interleave, to_uint8

MAX_SIDE = 65_500
DEFAULT_QUALITY = 95

_START = b"\xff\xd8"
_JFIF_END = 20  # of the segment that the encoder puts first
_MAX_EXIF, _MAX_XMP = MAX_BODY - len(EXIF_PREFIX), MAX_BODY - len(XMP)
_ICC_PART = MAX_BODY - len(ICC) - 2  # bytes of a profile in one segment
_MAX_ICC = 255 * _ICC_PART


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode at 8 bits; chroma is subsampled below a quality of 90.

    A picture read from a JPEG is coded nearly alike, for a file of similar size, unless `quality`
    is given. Raises `UnsuitableFormat` for transparency and for a side over 65 500 pixels.
    """
    if picture.alpha is not None and (to_uint8(picture.alpha) < 255).any():
        raise UnsuitableFormat("JPEG cannot hold transparency; ask for png, webp or tiff.")
    if max(picture.width, picture.height) > MAX_SIDE:
        raise UnsuitableFormat(f"JPEG holds at most {MAX_SIDE} pixels a side; ask for png or tiff.")
    samples = to_uint8(interleave(picture.pixels, None))
    if quality is None and picture.metadata.jpeg is not None:
        own, sampling = picture.metadata.jpeg
        quality = own + (100 - own) // 3  # the noise removed takes no bytes
    else:
        quality = DEFAULT_QUALITY if quality is None else quality
        sampling = "444" if quality >= 90 else "420"
    jpeg = imagecodecs.jpeg8_encode(samples, level=quality, subsampling=sampling)
    pixels = memoryview(jpeg)[_JFIF_END if jpeg[2:4] == b"\xff\xe0" else 2 :]
    head = b"".join([_START, *_metadata_segments(picture)])
    gain_map = picture.metadata.gain_map
    return appended(head, pixels, gain_map) if gain_map else b"".join((head, pixels))


def too_long(metadata: Metadata) -> Iterator[Change]:
    """Return the metadata that are left out because they do not fit into segments."""
    if len(metadata.exif or b"") > _MAX_EXIF or len(metadata.xmp or b"") > _MAX_XMP:
        yield Change.METADATA
    if len(metadata.icc or b"") > _MAX_ICC:
        yield Change.PROFILE


def _metadata_segments(picture: Picture) -> Iterator[bytes]:
    metadata = picture.metadata
    dots = [round(value) for value in metadata.dpi or ()]
    unit, across, down = (1, *dots) if dots and max(dots) < 2**16 else (0, 1, 1)
    yield write_segment(APP0, JFIF + struct.pack(">BBBHHBB", 1, 1, unit, across, down, 0, 0))
    if metadata.exif and len(metadata.exif) <= _MAX_EXIF:
        yield write_segment(APP1, EXIF_PREFIX + metadata.exif)
    xmp = metadata.xmp if len(metadata.xmp or b"") <= _MAX_XMP else None
    if metadata.gain_map:
        listed = with_directory(xmp, metadata.gain_map)
        xmp = xmp if len(listed or b"") > _MAX_XMP else listed
    if xmp:
        yield write_segment(APP1, XMP + xmp)
    if metadata.icc and len(metadata.icc) <= _MAX_ICC:
        starts = range(0, len(metadata.icc), _ICC_PART)
        for number, start in enumerate(starts, start=1):
            part = metadata.icc[start : start + _ICC_PART]
            yield write_segment(APP2, ICC + bytes([number, len(starts)]) + part)
    if picture.format is Format.JPEG:
        yield from metadata.native
