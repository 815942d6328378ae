"""WebP: chunks of our own reading, pixels by libwebp.

The container is described at https://developers.google.com/speed/webp/docs/riff_container.
"""

import io
import struct
from collections.abc import Iterator

import imagecodecs
from PIL import Image

from app.imaging.picture import (
    Change,
    Format,
    Header,
    Metadata,
    Picture,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.samples import deinterleave, interleave, to_uint8

_KNOWN = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP "}

MAX_SIDE = 16_383
MAX_CHUNKS = 10_000
DEFAULT_QUALITY = 95
METHOD = 1  # effort; benchmarks/codecs.py: 4 takes three times as long for the same size
LOSSLESS_METHOD = 0  # benchmarks/codecs.py: 1 saves a third, at the cost of a network's time


def is_webp(data: bytes) -> bool:
    """Whether the file begins as a WebP does."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_header(data: bytes) -> Header:
    """Read the size of the picture, or of an animation's canvas, and the number of frames."""
    chunks = list(_chunks(data))
    frames = sum(name == b"ANMF" for name, _ in chunks)
    for name, body in chunks:
        if name == b"VP8X" and frames:
            width, height = _uint24(body, 4) + 1, _uint24(body, 7) + 1
            return Header(Format.WEBP, width, height, max(frames, 2))
        if name == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", body, 6)
            return Header(Format.WEBP, width & 0x3FFF, height & 0x3FFF)
        if name == b"VP8L" and body[0] == 0x2F:
            (bits,) = struct.unpack_from("<I", body, 1)
            return Header(Format.WEBP, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    raise UnreadableImage("The WebP image holds no picture.")


def decode(data: bytes) -> Picture:
    """Decode a still picture, always RGB, with alpha where it has any."""
    chunks = dict(reversed(list(_chunks(data))))  # the first of each name
    pixels, alpha = deinterleave(imagecodecs.webp_decode(data))
    exif = chunks.get(b"EXIF", b"").removeprefix(b"Exif\0\0")
    metadata = Metadata(
        icc=chunks.get(b"ICCP"),
        exif=exif or None,
        xmp=chunks.get(b"XMP "),
        lossless=b"VP8L" in chunks,
    )
    changes = frozenset() if chunks.keys() <= _KNOWN else frozenset({Change.METADATA})
    return Picture(pixels, alpha, Format.WEBP, metadata, changes)


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode at 8 bits; alpha is exact, and so are pixels that came without loss.

    A `quality` asks for loss. Raises `UnsuitableFormat` for a side over 16 383 pixels.
    """
    if max(picture.width, picture.height) > MAX_SIDE:
        raise UnsuitableFormat(f"WebP holds at most {MAX_SIDE} pixels a side; ask for png or tiff.")
    image = Image.fromarray(to_uint8(interleave(picture.pixels, picture.alpha)))
    lossless = picture.metadata.lossless and quality is None
    file = io.BytesIO()
    image.save(
        file,
        "WEBP",
        lossless=lossless,
        exact=lossless,  # keeps the colour of transparent pixels
        quality=0 if lossless else DEFAULT_QUALITY if quality is None else quality,
        alpha_quality=100,
        method=LOSSLESS_METHOD if lossless else METHOD,
        icc_profile=picture.metadata.icc or b"",
        exif=picture.metadata.exif or b"",
        xmp=picture.metadata.xmp or b"",
    )
    return file.getvalue()


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(data):
            return
        name, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length
        if end > len(data):
            raise UnreadableImage("The WebP image is truncated.")
        yield name, data[position + 8 : end]
        position = end + length % 2
    raise UnsupportedImage(f"The WebP image has more than {MAX_CHUNKS} chunks.")


def _uint24(body: bytes, offset: int) -> int:
    return int.from_bytes(body[offset : offset + 3], "little")
