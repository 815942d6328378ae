"""Boxes of ISO base media files, ISO/IEC 14496-12, section 4.2: a length, a name, contents."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from app.imaging.picture import UnreadableImage, UnsupportedImage

MAX_BOXES = 10_000


class Box(NamedTuple):
    """A box's name and contents."""

    name: bytes
    body: bytes


def boxes(data: bytes | memoryview) -> Iterator[Box]:
    """Each box in `data`; raises `UnreadableImage` where one reaches beyond its end."""
    view, position = memoryview(data), 0
    for _ in range(MAX_BOXES):
        if position == len(view):
            return
        length, name = struct.unpack_from(">I4s", view, position)
        start, end = position + 8, position + length if length else len(view)
        if length == 1:
            (length,) = struct.unpack_from(">Q", view, start)
            start, end = start + 8, position + length
        if not start <= end <= len(view):
            raise UnreadableImage("The image is truncated: a box is longer than its file.")
        yield Box(name, bytes(view[start:end]))
        position = end
    raise UnsupportedImage(f"The image has more than {MAX_BOXES} boxes.")


def write_box(name: bytes, *parts: bytes) -> bytes:
    """Return a box of these contents."""
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


def write_full_box(name: bytes, *parts: bytes, version: int = 0) -> bytes:
    """Return a box with a version, and no flags."""
    return write_box(name, bytes([version, 0, 0, 0]), *parts)
