"""Gzip around another file, inflated piece by piece up to a limit."""

import gzip
import zlib
from collections.abc import Iterator

from app.imaging.picture import UnreadableImage

SIGNATURE = b"\x1f\x8b\x08"

_LEVEL = 1  # level 6 takes many times as long to save a tenth of noisy samples
_GZIP = 31  # wbits of zlib: a window of 15 bits, plus 16 for a gzip header
_PIECE = 1 << 14
_MOST_MEMBERS = 1 << 16  # parallel compressors write many consecutive ones


def packed(data: bytes) -> bytes:
    """Compress a file, without adding a time or a name."""
    return gzip.compress(data, _LEVEL, mtime=0)


def beginning(data: bytes, size: int) -> bytes:
    """Return the first bytes of the contents, at most `size`; none if these are damaged."""
    if not data.startswith(SIGNATURE):
        return b""
    try:
        return inflated(data, size)[0]
    except (zlib.error, UnreadableImage):
        return b""


def inflated(data: bytes, most: int) -> tuple[bytes, int]:
    """Inflate gzip up to `most` bytes; return them, and the bytes of input used; see `pieces`."""
    found, position = bytearray(), 0
    for piece, position in pieces(data, most):  # noqa: B007
        found += piece
    return bytes(found), position


def pieces(data: bytes, most: int) -> Iterator[tuple[bytes, int]]:
    """Inflate gzip up to `most` bytes; yield each piece, and the bytes of input used so far.

    Raises zlib.error for damaged data, and UnreadableImage for truncated data.
    """
    position = 0
    for _ in range(_MOST_MEMBERS):
        if most <= 0 or data[position : position + len(SIGNATURE)] != SIGNATURE:
            return  # zeros may follow, as padding on tapes
        member = zlib.decompressobj(_GZIP)
        while most > 0 and not member.eof:
            piece = member.unconsumed_tail
            if not piece:
                piece = data[position : position + _PIECE]
                position += len(piece)
                if not piece:
                    raise UnreadableImage("The image in gzip is truncated.")
            found = member.decompress(piece, most)
            most -= len(found)
            yield found, position - len(member.unused_data)
        position -= len(member.unused_data)
