"""BMP and GIF, which are read but not written."""

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile

from app.imaging.picture import (
    Change,
    Format,
    Header,
    Metadata,
    Picture,
    UnreadableImage,
    UnsupportedImage,
)
from app.imaging.samples import deinterleave

MAX_GIF_EXTENSIONS = 1000
MAX_GIF_BLOCKS = 1_000_000

_UNPACKED, _BITFIELDS = 0, 3  # BMP compressions
_V5_HEADER, _EMBEDDED = 124, b"DEBM"
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B  # GIF blocks
_GRAPHIC_CONTROL = 0xF9

# the door to this package compares sizes with the caller's limit, before anything is decoded
Image.MAX_IMAGE_PIXELS = None


def read_bmp_header(data: bytes) -> Header:
    """Read the file's and the bitmap's headers."""
    image = BmpImageFile(io.BytesIO(data))
    if image.info.get("compression", _UNPACKED) not in (_UNPACKED, _BITFIELDS):
        raise UnsupportedImage("BMP images with run-length encoding are not supported.")
    return Header("bmp", image.width, image.height)


def decode_bmp(data: bytes) -> Picture:
    """Decode 1 to 32 bits a pixel."""
    image = BmpImageFile(io.BytesIO(data))
    dpi, (bits,) = image.info.get("dpi"), struct.unpack_from("<H", data, 28)
    changes = {Change.FORMAT}
    if image.mode == "P":
        changes.add(Change.COLOURS)
    elif bits in (1, 16):  # 16 bits are 5 or 6 for each of three samples
        changes.add(Change.DEPTH)
    metadata = Metadata(icc=_bmp_profile(data), dpi=dpi if dpi and all(dpi) else None)
    return Picture(*_planes(image), Format.PNG, metadata, frozenset(changes))


def read_gif_header(data: bytes) -> Header:
    """Read the screen's size, and find up to two frames."""
    width, height = struct.unpack_from("<HH", data, 6)
    frames = 0
    for start, _ in _gif_frames(data):
        left, top, across, down = struct.unpack_from("<HHHH", data, start + 1)
        width, height = max(width, left + across), max(height, top + down)
        frames += 1
        if frames == 2:
            break
    if not frames:
        raise UnreadableImage("The GIF image holds no picture.")
    return Header("gif", width, height, frames)


def decode_gif(data: bytes) -> Picture:
    """Decode the first frame on its screen."""
    start, control = next(_gif_frames(data))
    screen = data[: 13 + _palette_size(data[10])]
    image = GifImageFile(io.BytesIO(b"".join([screen, control, memoryview(data)[start:]])))
    pixels, alpha = _planes(image)
    changes = {Change.FORMAT, Change.COLOURS}
    if alpha is not None:
        changes.add(Change.ALPHA)
    if start > len(screen) + len(control):  # a comment, or an application's
        changes.add(Change.METADATA)
    return Picture(pixels, alpha, Format.PNG, Metadata(), frozenset(changes))


def _bmp_profile(data: bytes) -> bytes | None:
    """The colour profile that a header of version 5 embeds."""
    header = 14
    (size,) = struct.unpack_from("<I", data, header)
    if size < _V5_HEADER or data[header + 56 : header + 60] != _EMBEDDED:
        return None
    start, length = struct.unpack_from("<II", data, header + 112)
    return data[header + start : header + start + length] or None


def _planes(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels and alpha of whatever mode; palettes of greys, and 1 bit, become grey."""
    image.load()
    is_grey = image.mode in ("1", "L")
    if image.mode == "P":
        colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        is_grey = bool((colours == colours[:, :1]).all())
    mode = ("L" if is_grey else "RGB") + ("A" if image.has_transparency_data else "")
    return deinterleave(np.asarray(image.convert(mode)))


def _palette_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Where each frame starts, and the graphic control extension that precedes it."""
    position, control = 13 + _palette_size(data[10]), b""
    for _ in range(MAX_GIF_EXTENSIONS):
        if position >= len(data) or data[position] == _TRAILER:
            return
        start = position
        if data[start] == _IMAGE:
            yield start, control
            position, control = start + 11 + _palette_size(data[start + 9]), b""
        elif data[start] == _EXTENSION:
            position = start + 2
        else:
            raise UnreadableImage("The GIF image is damaged.")
        position = _after_blocks(data, position)
        if data[start : start + 2] == bytes([_EXTENSION, _GRAPHIC_CONTROL]):
            control = data[start:position]


def _after_blocks(data: bytes, position: int) -> int:
    """Behind a run of sub-blocks, each led by its length, ended by one of none."""
    for _ in range(MAX_GIF_BLOCKS):
        if position >= len(data):
            raise UnreadableImage("The GIF image is truncated.")
        length = data[position]
        position += length + 1
        if not length:
            return position
    raise UnsupportedImage(f"The GIF image has more than {MAX_GIF_BLOCKS} blocks.")
