"""FITS files in gzip, which is how archives and telescopes hand many of them out.

What follows the image, such as masks and tables, is kept, too, and of a length that no header
states: gzip itself does, and that is what is taken for declared, unless it cannot be true. Then
gzip has several members, or something behind it, and what is inside is counted.
"""

from dataclasses import replace

from app.imaging.formats import gzipped
from app.imaging.formats.fits import HOLDS, file
from app.imaging.formats.fits.head import BLOCK, MAX_BLOCKS, OPENING, Head, read_head
from app.imaging.formats.format import FileFormat
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import (
    Format,
    Header,
    ImagingError,
    Picture,
    TooManyPixels,
    UnreadableImage,
)

MOST_BEHIND = 1 << 29
"""Bytes that may follow the image; masks and errors of large detectors take some 100 MB."""
FREE_BEHIND, TIMES_BEHIND = 1 << 26, 100
"""Bytes that may follow the image in any file, and for each byte of the file: the images and tables
next to which more is usual are large themselves.
"""
MOST_COUNTED = 1 << 30
"""Bytes that are counted where gzip does not state them."""

_USUAL, _MOST = MAX_BLOCKS * BLOCK, 1 << 26  # bytes within which the image begins
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
    inflated, position = gzipped.inflated(data, size + 1)
    if len(inflated) != size:
        raise UnreadableImage("The FITS is not of the length that its gzip declares.")
    picture = file.decode(inflated)
    changes = picture.changes | in_trailer(data[position:])
    return replace(picture, format=Format.FITS_GZ, changes=changes)


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode as FITS, and compress."""
    return gzipped.packed(file.encode(picture, quality))


def _read(data: bytes) -> tuple[Head, int]:
    """Return the image's header and the uncompressed length; TooManyPixels if that is far more."""
    head, size = _head(data), int.from_bytes(data[_LENGTH], "little")
    most = min(MOST_BEHIND, FREE_BEHIND + TIMES_BEHIND * len(data))
    if size < head.end or size % BLOCK:
        counted = min(head.end + most + 1, MOST_COUNTED)
        size = sum(len(piece) for piece, _ in gzipped.pieces(data, counted))
    if head.end > size:
        raise UnreadableImage("The FITS image is truncated.")
    if size - head.end > most:
        raise TooManyPixels(f"The FITS has more than {most} bytes behind its image; unpack it.")
    return head, size


def _head(data: bytes) -> Head:
    """Return the header of the image, looking further where tables lie before it."""
    try:
        return read_head(gzipped.inflated(data, _USUAL)[0])
    except ImagingError:
        return read_head(gzipped.inflated(data, _MOST)[0])


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
