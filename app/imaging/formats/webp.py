"""WebP: chunks by our own parser, pixels by libwebp.

The container is described at https://developers.google.com/speed/webp/docs/riff_container.
"""

import io
import struct
from collections.abc import Iterator
from typing import NamedTuple

import imagecodecs
import numpy as np
from PIL import Image

from app.imaging.formats.format import FileFormat, Holds
from app.imaging.formats.trailer import PADDING
from app.imaging.metadata import EXIF_PREFIX
from app.imaging.picture import (
    Change,
    Format,
    Header,
    Metadata,
    Picture,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
    those_of,
)
from app.imaging.samples import Samples, deinterleave, interleave, to_uint8
from app.imaging.stack import Stack

_HAS_ALPHA = 0x10  # a flag of the extended header
_IMAGES = (b"VP8 ", b"VP8L")
_DAMAGED = b""  # replaces anything that is no chunk
_DESCRIBING = (b"ICCP", b"EXIF", b"XMP ")
_KNOWN = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", *_DESCRIBING}

MAX_SIDE = 16_383
MAX_CHUNKS = 10_000
DEFAULT_QUALITY = 95
METHOD = 1  # effort; benchmarks/codecs.py: 4 takes three times as long for the same size
LOSSLESS_METHOD = 0  # benchmarks/codecs.py: 1 saves a third, but takes as long as the network


class Chunk(NamedTuple):
    """The name and contents of a chunk."""

    name: bytes
    body: bytes


def is_webp(data: bytes) -> bool:
    """Return whether the file begins like a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_header(data: bytes) -> Header:
    """Read the size of the picture, or of an animation's canvas, and the number of frames."""
    chunks = list(_chunks(data))
    frames, canvas = sum(chunk.name == b"ANMF" for chunk in chunks), _canvas(chunks)
    if frames and canvas:
        return Header(Format.WEBP, *canvas, Stack(max(frames, 2)))
    return Header(Format.WEBP, *_size(_image(chunks)))


def decode(data: bytes) -> Picture:
    """Decode a still picture to RGB, with alpha if it has any."""
    chunks = list(_chunks(data))
    pixels, alpha = deinterleave(imagecodecs.webp_decode(_rebuild(chunks)))
    first = dict(reversed(chunks))  # of each name
    exif = first.get(b"EXIF", b"").removeprefix(EXIF_PREFIX)
    metadata = Metadata(
        icc=first.get(b"ICCP"),
        exif=exif or None,
        xmp=first.get(b"XMP "),
        lossless=_image(chunks).name == b"VP8L",
    )
    names = [chunk.name for chunk in chunks if chunk.name in _DESCRIBING]
    changes = {
        Change.METADATA: not first.keys() <= _KNOWN | {_DAMAGED} or len(names) > len({*names}),
        Change.END: _DAMAGED in first,
    }
    return Picture(pixels, alpha, Format.WEBP, metadata, those_of(changes))


def size_of(data: bytes) -> tuple[int, int]:
    """Return the width and height of a still picture."""
    return _size(_image(list(_chunks(data))))


def samples_of(data: bytes) -> Samples:
    """Decode a still picture as `[height, width, channels]`: RGB, and alpha if it has any."""
    return np.asarray(imagecodecs.webp_decode(_rebuild(list(_chunks(data)))))


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode at 8 bits; alpha is exact, and so are pixels unless the upload was lossy.

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
        exact=True,  # keeps the colour of transparent pixels
        quality=0 if lossless else DEFAULT_QUALITY if quality is None else quality,
        alpha_quality=100,
        method=LOSSLESS_METHOD if lossless else METHOD,
        icc_profile=picture.metadata.icc or b"",
        exif=picture.metadata.exif or b"",
        xmp=picture.metadata.xmp or b"",
    )
    return file.getvalue()


def _chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks; after the image, the last may be _DAMAGED."""
    position, has_image = 12, False
    declared = 8 + struct.unpack_from("<I", data, 4)[0]
    for _ in range(MAX_CHUNKS):
        if position >= len(data):
            if position + 8 <= declared:  # another chunk
                yield Chunk(_DAMAGED, b"")
            return
        name, length = struct.unpack("<4sI", data[position : position + 8].ljust(8, b"\xff"))
        end = position + 8 + length
        if has_image and (end > len(data) or not name.strip(PADDING)):
            if data[position:].strip(PADDING):
                yield Chunk(_DAMAGED, b"")
            return
        if end > len(data):
            raise UnreadableImage("The WebP image is truncated.")
        has_image |= name in _IMAGES
        yield Chunk(name, data[position + 8 : end])
        position = end + length % 2
    raise UnsupportedImage(f"The WebP image has more than {MAX_CHUNKS} chunks.")


def _image(chunks: list[Chunk]) -> Chunk:
    """Return the chunk that contains the colours."""
    image = next((chunk for chunk in chunks if chunk.name in _IMAGES), None)
    if image is None:
        raise UnreadableImage("The WebP file contains no image.")
    return image


def _size(image: Chunk) -> tuple[int, int]:
    """Return the width and height stated in the picture itself."""
    name, body = image
    if name == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if name == b"VP8L" and body[:1] == b"\x2f":
        (bits,) = struct.unpack_from("<I", body, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise UnreadableImage("The WebP image is damaged.")


def _canvas(chunks: list[Chunk]) -> tuple[int, int] | None:
    """Return the width and height stated in the header of an extended file."""
    body = next((chunk.body for chunk in chunks if chunk.name == b"VP8X"), None)
    if body is None:
        return None
    return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1


def _rebuild(chunks: list[Chunk]) -> bytes:
    """Return a new file of the image alone: its colours and, if these are lossy, their alpha."""
    image, canvas = _image(chunks), _canvas(chunks)
    size = _size(image)
    if canvas not in (None, size):
        raise UnreadableImage("The WebP image is not of the size that it declares.")
    before = chunks[: chunks.index(image)]
    alpha = next((chunk for chunk in before if chunk.name == b"ALPH"), None)
    body = _written(image)
    if canvas and alpha and image.name == b"VP8 ":
        width, height = (side - 1 for side in size)
        sides = width.to_bytes(3, "little") + height.to_bytes(3, "little")
        extended = Chunk(b"VP8X", struct.pack("<I", _HAS_ALPHA) + sides)
        body = _written(extended) + _written(alpha) + body
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _written(chunk: Chunk) -> bytes:
    name, body = chunk
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


FORMAT = FileFormat(
    name=Format.WEBP,
    title="WebP",
    media_types=("image/webp",),
    suffixes=(".webp",),
    recognises=is_webp,
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=Holds(depths=(8,), grey=False, alpha=True, exif=True, xmp=True),
)
