"""Boxes of ISO base media files, ISO/IEC 14496-12, section 4.2: a length, a name, contents."""

import struct
from collections.abc import Iterator, Set
from typing import NamedTuple

from app.imaging.picture import UnreadableImage, UnsupportedImage

MAX_BOXES = 10_000

_OPENING = b"ftyp"  # of each file


class Box(NamedTuple):
    """The name and contents of a box."""

    name: bytes
    body: bytes


def boxes(data: bytes | memoryview) -> Iterator[Box]:
    """Yield each box in `data`; raises `UnreadableImage` if one extends beyond the end."""
    view, position = memoryview(data), 0
    for _ in range(MAX_BOXES):
        if position == len(view):
            return
        box, position = _read(view, position)
        yield box
    raise UnsupportedImage(f"The image has more than {MAX_BOXES} boxes.")


def boxes_of_file(data: bytes, needed: Set[bytes]) -> tuple[list[Box], bytes]:
    """Return the boxes of a file, and the bytes after them: no box, or those of another file.

    Raises like `boxes` until one of those `needed` has been found.
    """
    view, position = memoryview(data), 0
    found, names = list[Box](), set[bytes]()
    while position < len(view):
        try:
            box, end = _read(view, position)
        except UnreadableImage:
            if names.isdisjoint(needed):
                raise
            break
        if box.name == _OPENING and _OPENING in names:
            break
        found.append(box)
        names.add(box.name)
        position = end
        if len(found) > MAX_BOXES:
            raise UnsupportedImage(f"The image has more than {MAX_BOXES} boxes.")
    return found, bytes(view[position:])


def _read(view: memoryview, position: int) -> tuple[Box, int]:
    """Return the box at a position, and its end."""
    head = bytes(view[position : position + 16])
    length, name, long = struct.unpack(">I4sQ", head.ljust(16, b"\0"))
    start, end = position + 8, position + length if length else len(view)
    if length == 1:
        start, end = start + 8, position + long
    if not start <= end <= len(view) or not name.decode("latin-1").isprintable():
        raise UnreadableImage("The image is truncated: a box is longer than its file.")
    return Box(name, bytes(view[start:end])), end


def write_box(name: bytes, *parts: bytes) -> bytes:
    """Return a box with the given contents."""
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


def write_full_box(name: bytes, *parts: bytes, version: int = 0) -> bytes:
    """Return a box with a version and no flags."""
    return write_box(name, bytes([version, 0, 0, 0]), *parts)
