"""FITS files in gzip, which is how archives and telescopes hand many of them out.

What follows the image, such as masks and tables, is kept, too, and of a length that no header
states: gzip itself does, and that is what is taken for declared.
"""

from dataclasses import replace

from app.imaging.formats import gzipped
from app.imaging.formats.fits import HOLDS, file
from app.imaging.formats.fits.head import BLOCK, MAX_BLOCKS, OPENING, Head, read_head
from app.imaging.formats.format import FileFormat
from app.imaging.picture import Format, Header, Picture, UnreadableImage

_LENGTH = slice(-4, None)  # bytes of the uncompressed length, at the end of a gzip


def recognises(data: bytes) -> bool:
    """Return whether a file is a FITS in gzip, by its first bytes."""
    return gzipped.beginning(data, len(OPENING)) == OPENING


def read_header(data: bytes) -> Header:
    """Read the headers up to the first image; only decoding tells whether it is complete."""
    head, size = _read(data)
    declared = file.declared(head, size, Format.FITS_GZ)
    return replace(declared, more_bytes=declared.more_bytes + 3 * size)


def decode(data: bytes) -> Picture:
    """Inflate and decode as many bytes as are declared; a file with more is refused."""
    _, size = _read(data)
    inflated = bytearray()
    for piece, _ in gzipped.pieces(data, size + 1):
        inflated += piece
    if len(inflated) != size:
        raise UnreadableImage("The FITS is not of the length that its gzip declares.")
    return replace(file.decode(bytes(inflated)), format=Format.FITS_GZ)


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode as FITS, and compress."""
    return gzipped.packed(file.encode(picture, quality))


def _read(data: bytes) -> tuple[Head, int]:
    """Return the header of the image, found in the first bytes, and the uncompressed length."""
    most = MAX_BLOCKS * BLOCK
    head = read_head(b"".join(piece for piece, _ in gzipped.pieces(data, most)))
    size = int.from_bytes(data[_LENGTH], "little")
    if head.end > size:
        raise UnreadableImage("The FITS image is truncated.")
    return head, size


FORMAT = FileFormat(
    name=Format.FITS_GZ,
    title="FITS in gzip",
    media_types=("image/x-fits-gzip",),
    suffixes=(".fits.gz", ".fit.gz", ".fts.gz"),
    recognises=recognises,
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=HOLDS,
)
