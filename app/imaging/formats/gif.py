"""GIF, which is read but not written: blocks by our own parser, a single frame by Pillow."""

import io
import itertools
import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL.GifImagePlugin import GifImageFile

from app.imaging.formats.format import FileFormat, recognise
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import (
    Change,
    Format,
    Header,
    Metadata,
    Picture,
    UnreadableImage,
    UnsupportedImage,
)
from app.imaging.pillow import planes
from app.imaging.stack import Stack

MAX_EXTENSIONS = 1000
MAX_BLOCKS = 1_000_000

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B  # blocks
_GRAPHIC_CONTROL = b"\xf9\4"  # and its length


class Frame(NamedTuple):
    """Where an image block starts and ends, and the graphic control extension that precedes it."""

    start: int
    end: int
    control: bytes


def read_header(data: bytes) -> Header:
    """Read the screen's size, and find up to two frames."""
    width, height = struct.unpack_from("<HH", data, 6)
    frames = list(itertools.islice(_frames(data), 2))
    if not frames:
        raise UnreadableImage("The GIF file contains no image.")
    for frame in frames:
        left, top, across, down = struct.unpack_from("<HHHH", data, frame.start + 1)
        width, height = max(width, left + across), max(height, top + down)
    return Header("gif", width, height, Stack(len(frames)))


def decode(data: bytes) -> Picture:
    """Decode the first frame on its screen; Pillow gets only this frame and its extension."""
    frame = next(_frames(data))
    screen = data[: 13 + _palette_size(data[10])]
    still = [screen, frame.control, data[frame.start : frame.end], bytes([_TRAILER])]
    pixels, alpha = planes(GifImageFile(io.BytesIO(b"".join(still))))
    changes = {Change.FORMAT, Change.COLOURS}
    if alpha is not None:
        changes.add(Change.ALPHA)
    behind = data[frame.end :]
    changes |= in_trailer(behind.removeprefix(bytes([_TRAILER])))
    if not behind.rstrip(b"\0"):
        changes.add(Change.END)
    if frame.start > len(screen) + len(frame.control):  # a comment or application extension
        changes.add(Change.METADATA)
    return Picture(pixels, alpha, Format.PNG, Metadata(), frozenset(changes))


def _palette_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _frames(data: bytes) -> Iterator[Frame]:
    position, control = 13 + _palette_size(data[10]), b""
    for _ in range(MAX_EXTENSIONS):
        if position >= len(data) or data[position] == _TRAILER:
            return
        start = position
        if data[start] == _IMAGE:
            position = _after_blocks(data, start + 11 + _palette_size(data[start + 9]))
            yield Frame(start, position, control)
            control = b""
        elif data[start] == _EXTENSION:
            position = _after_blocks(data, start + 2)
            if data[start + 1 : start + 3] == _GRAPHIC_CONTROL and position == start + 8:
                control = data[start:position]
        else:
            raise UnreadableImage("The GIF image is damaged.")
    raise UnsupportedImage(f"The GIF image has more than {MAX_EXTENSIONS} extensions.")


def _after_blocks(data: bytes, position: int) -> int:
    """Return the end of a run of sub-blocks, each preceded by its length, the last of length 0."""
    for _ in range(MAX_BLOCKS):
        if position >= len(data):
            raise UnreadableImage("The GIF image is truncated.")
        length = data[position]
        position += length + 1
        if not length:
            return position
    raise UnsupportedImage(f"The GIF image has more than {MAX_BLOCKS} blocks.")


FORMAT = FileFormat(
    name="gif",
    title="GIF",
    media_types=("image/gif",),
    suffixes=(".gif",),
    recognises=recognise(b"GIF87a", b"GIF89a"),
    read_header=read_header,
    decode=decode,
)
