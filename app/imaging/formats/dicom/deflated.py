"""Deflated data sets (PS3.5, A.5), inflated within bounds to uncompressed explicit VR."""

import zlib
from collections.abc import Iterator

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from app.imaging.picture import TooManyPixels, UnreadableImage, UnsupportedImage

MAX_INFLATED = 1 << 25
"""Bytes that a data set may be longer than its file: nothing is known of it before that."""

_LENGTH, _GROUP = b"\2\0\0\0UL\4\0", slice(132, 140)  # of the file's own header, which comes first
_SYNTAX = DeflatedExplicitVRLittleEndian.encode()
_PLAIN = ExplicitVRLittleEndian.encode().ljust(len(_SYNTAX), b"\0")
_OTHERS = b"\0\0", b"\2\0"  # groups of commands and of the header, of which none are counted
_RAW, _PIECE = -zlib.MAX_WBITS, 1 << 16


def inflated(data: bytes) -> bytes:
    """Return a file as it would be if its data set were not deflated; itself if that is not.

    Raises TooManyPixels for far more bytes than the file has, UnreadableImage if it is cut, and
    UnsupportedImage for what no data set begins with.
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
    for piece in _pieces(data, end):  # none is kept before it is known how many there are
        size += len(piece)
        if size > most:
            raise TooManyPixels(f"The DICOM inflates to more than {most} bytes.")
    body = b"".join(_pieces(data, end))
    if body[:2] in _OTHERS:
        raise UnsupportedImage("What is deflated in the DICOM is no data set.")
    return header.replace(_SYNTAX, _PLAIN) + body


def _pieces(data: bytes, position: int) -> Iterator[bytes]:
    """Inflate what begins there, piece by piece; raises UnreadableImage if it has no end."""
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
