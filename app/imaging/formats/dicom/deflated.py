"""Deflated data sets (PS3.5, A.5), inflated within bounds to uncompressed explicit VR."""

import zlib
from collections.abc import Iterator

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from app.imaging.picture import TooManyPixels, UnreadableImage, UnsupportedImage

MAX_INFLATED = 1 << 25
"""Bytes by which any data set may exceed its file."""

# of the file meta information, which comes first
_LENGTH, _GROUP = b"\2\0\0\0UL\4\0", slice(132, 140)
_SYNTAX = DeflatedExplicitVRLittleEndian.encode()
_PLAIN = ExplicitVRLittleEndian.encode().ljust(len(_SYNTAX), b"\0")
# groups of commands and of the meta information, whose elements are not counted
_OTHERS = b"\0\0", b"\2\0"
_RAW, _PIECE = -zlib.MAX_WBITS, 1 << 16


def inflated(data: bytes) -> bytes:
    """Return a file with its data set inflated; unchanged if it is not deflated.

    Raises TooManyPixels if it inflates to far more bytes than the file has, UnreadableImage if it
    is truncated, and UnsupportedImage if it does not begin like a data set.
    """
    if _SYNTAX not in data:
        return data
    if data[_GROUP] != _LENGTH:
        raise UnsupportedImage("A deflated DICOM must begin with the length of its header.")
    end = 144 + int.from_bytes(data[140:144], "little")
    header, most = data[:end], MAX_INFLATED + len(data)
    if _SYNTAX not in header:
        return data
    size = 0
    for piece in _pieces(data, end):  # nothing is kept until the length is known
        size += len(piece)
        if size > most:
            raise TooManyPixels(f"The DICOM inflates to more than {most} bytes.")
    body = b"".join(_pieces(data, end))
    if body[:2] in _OTHERS:
        raise UnsupportedImage("What is deflated in the DICOM is no data set.")
    return header.replace(_SYNTAX, _PLAIN) + body


def _pieces(data: bytes, position: int) -> Iterator[bytes]:
    """Inflate from a position, piece by piece; raises UnreadableImage if the data end too early."""
    stream = zlib.decompressobj(_RAW)
    while not stream.eof:
        given = stream.unconsumed_tail
        if not given:
            given = data[position : position + _PIECE]
            position += len(given)
        piece = stream.decompress(given, _PIECE)
        if not (given or piece):
            raise UnreadableImage("The DICOM image is truncated.")
        yield piece
