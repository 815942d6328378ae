"""Gzip around another file: inflated piece by piece, and no more than is asked for."""

import gzip
import zlib
from collections.abc import Iterator

from app.imaging.picture import UnreadableImage

SIGNATURE = b"\x1f\x8b\x08"

_LEVEL = 1  # level 6 takes many times as long to save a tenth of noisy samples
_GZIP = 31  # zlib's window of 15 bits, and 16 for a gzip header
_PIECE = 1 << 14
_MOST_MEMBERS = 1 << 16  # a parallel gzip writes many, one behind the other


def packed(data: bytes) -> bytes:
    """Deflate a file; nothing of the time or of its name is added."""
    return gzip.compress(data, _LEVEL, mtime=0)


def beginning(data: bytes, size: int) -> bytes:
    """Return the first bytes of what is inside, at most so many; none if that is damaged."""
    if not data.startswith(SIGNATURE):
        return b""
    try:
        return b"".join(piece for piece, _ in pieces(data, size))
    except (zlib.error, UnreadableImage):
        return b""


def pieces(data: bytes, most: int) -> Iterator[tuple[bytes, int]]:
    """Inflate gzip piece by piece, up to so many bytes; tell how much of it is behind each piece.

    Raises zlib.error where it is damaged, and UnreadableImage where it ends too early.
    """
    position = 0
    for _ in range(_MOST_MEMBERS):
        if most <= 0 or data[position : position + len(SIGNATURE)] != SIGNATURE:
            return  # zeros may follow, of tapes
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
