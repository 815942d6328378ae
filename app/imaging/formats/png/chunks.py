"""Read and write the chunks of a PNG."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from app.imaging.picture import UnreadableImage, UnsupportedImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 200_000


class Chunk(NamedTuple):
    """A chunk: its name, its contents, and all of its bytes with length and checksum."""

    name: bytes
    body: memoryview
    whole: memoryview


def write_chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def read_chunks(data: bytes) -> Iterator[Chunk]:
    """Yield each chunk, including the end chunk, or in its place one without a name.

    After pixels, anything that cannot be a chunk ends the file; whether pixels are missing is
    checked later.
    """
    view, position, has_pixels = memoryview(data), len(SIGNATURE), False
    for _ in range(MAX_CHUNKS):
        length, name = struct.unpack(">I4s", data[position : position + 8].ljust(8, b"\0"))
        end = position + length + 12
        if end > len(data) and not has_pixels:
            raise UnreadableImage("The PNG image is truncated.")
        if end > len(data) or (has_pixels and not name.isalpha()):
            yield Chunk(b"", view[:0], view[:0])
            return
        yield Chunk(name, view[position + 8 : end - 4], view[position:end])
        if name == b"IEND":
            return
        position, has_pixels = end, has_pixels or name == b"IDAT"
    raise UnsupportedImage(f"The PNG image has more than {MAX_CHUNKS} chunks.")


def is_sound(chunk: memoryview) -> bool:
    """Return whether the checksum of a chunk is correct."""
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
