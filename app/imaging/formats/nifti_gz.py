"""NIfTI files in gzip, which is how most of them are kept."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace

from app.imaging.formats.format import FileFormat
from app.imaging.formats.nifti import HOLDS, file
from app.imaging.formats.nifti.head import LONGEST, read_head, version_of
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import Format, Header, Picture, UnreadableImage

LEVEL = 1  # level 6 takes many times as long to save a tenth of a noisy volume

_SIGNATURE = b"\x1f\x8b\x08"
_GZIP = 31  # zlib's window of 15 bits, and 16 for a gzip header
_PIECE = 1 << 14
_MOST_MEMBERS = 1 << 16  # a parallel gzip writes many, one behind the other


def recognises(data: bytes) -> bool:
    """Whether a file is gzip of a NIfTI, as its first bytes tell."""
    return data.startswith(_SIGNATURE) and version_of(_beginning(data)) is not None


def read_header(data: bytes) -> Header:
    """Read the head; whether all samples are there, only decoding tells."""
    return file.declared(read_head(_beginning(data)), Format.NIFTI_GZ, copies=4)


def decode(data: bytes) -> Picture:
    """Inflate what the head declares, and decode that; one byte more, and the file is refused."""
    head = read_head(_beginning(data))
    inflated, size, position = bytearray(), head.end, 0
    for piece, position in _inflated(data, size + 1):  # noqa: B007
        inflated += piece
    if len(inflated) > size:
        raise UnreadableImage("The NIfTI image is longer than it declares.")
    if len(inflated) < size:
        raise UnreadableImage("The NIfTI image is truncated.")
    picture = file.decode(bytes(inflated), Format.NIFTI_GZ)
    return replace(picture, changes=picture.changes | in_trailer(data[position:]))


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode as NIfTI, and deflate; nothing of the time or of the file's name is added."""
    return gzip.compress(file.encode(picture, quality), LEVEL, mtime=0)


def _beginning(data: bytes) -> bytes:
    try:
        return b"".join(piece for piece, _ in _inflated(data, LONGEST))
    except (zlib.error, UnreadableImage):
        return b""


def _inflated(data: bytes, most: int) -> Iterator[tuple[bytes, int]]:
    """Inflate gzip piece by piece, up to so many bytes; tell how much of it is behind each piece.

    Raises zlib.error where it is damaged, and UnreadableImage where it ends too early.
    """
    position = 0
    for _ in range(_MOST_MEMBERS):
        if most <= 0 or data[position : position + len(_SIGNATURE)] != _SIGNATURE:
            return  # zeros may follow, of tapes
        member = zlib.decompressobj(_GZIP)
        while most > 0 and not member.eof:
            piece = member.unconsumed_tail
            if not piece:
                piece = data[position : position + _PIECE]
                position += len(piece)
                if not piece:
                    raise UnreadableImage("The NIfTI image is truncated.")
            found = member.decompress(piece, most)
            most -= len(found)
            yield found, position - len(member.unused_data)
        position -= len(member.unused_data)


FORMAT = FileFormat(
    name=Format.NIFTI_GZ,
    title="NIfTI in gzip",
    media_types=("application/gzip",),
    suffixes=(".nii.gz",),
    recognises=recognises,
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=HOLDS,
)
