"""Read BMP: headers and pixels by Pillow, run lengths by our own code."""

import io
import struct

from PIL.BmpImagePlugin import BmpImageFile

from app.imaging.formats.bmp.runs import unpacked
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import Change, Format, Header, Metadata, Picture, UnsupportedImage
from app.imaging.pillow import planes

_UNPACKED, _RUNS = 0, {1: 8, 2: 4}  # compressions, with the bits per pixel of their runs
_OS2_HEADER, _V5_HEADER, _EMBEDDED = 12, 124, b"DEBM"
_FILE_HEADER = 14
_START, _SIZE, _ROWS, _BITS, _PACKING, _COLOURS = 10, 14, 22, 28, 30, 46  # offsets of fields


def read_header(data: bytes) -> Header:
    """Read the file's and the bitmap's headers."""
    image = _opened(data)
    packing = image.info.get("compression", _UNPACKED)
    if packing in _RUNS and (_bits(data) != _RUNS[packing] or _integer(data, _ROWS) >> 31):
        raise UnsupportedImage("The BMP image has runs where none may be; save it anew.")
    # indices and a padded copy, in addition to the memory of Pillow
    more = 4 * image.width * image.height if packing in _RUNS else 0
    return Header("bmp", image.width, image.height, more_bytes=more)


def decode(data: bytes) -> Picture:
    """Decode 1 to 32 bits per pixel."""
    image, place, start = _opened(data), _profile_place(data), _integer(data, _START)
    bits, end = _bits(data), start + -(-image.width * _bits(data) // 32) * 4 * image.height
    if image.info.get("compression") in _RUNS:
        plain, end = _without_runs(data, image.size)
        image = _opened(plain)
    dpi = image.info.get("dpi")
    changes = {Change.FORMAT}
    if image.mode == "P":
        changes.add(Change.COLOURS)
    elif bits in (1, 16):  # 16 bits are 5 or 6 for each of three samples
        changes.add(Change.DEPTH)
    profile = data[place] or None
    metadata = Metadata(icc=profile, dpi=dpi if dpi and all(dpi) else None)
    pixels, alpha = planes(image)
    if alpha is not None and not alpha.any():
        alpha = None  # clipboards declare alpha for opaque images, but leave it at 0
    changes |= in_trailer(data[max(place.stop, end) :])
    return Picture(pixels, alpha, Format.PNG, metadata, frozenset(changes))


def _opened(data: bytes) -> BmpImageFile:
    """Open a file with Pillow, which reads the headers.

    Raises UnsupportedImage for what Pillow does not support, which its messages distinguish from
    damage.
    """
    try:
        return BmpImageFile(io.BytesIO(data))
    except OSError as error:
        if not str(error).startswith("Unsupported BMP"):
            raise
        raise UnsupportedImage(
            "The BMP image has a rare arrangement of bits; save it as a BMP of 24 bits, or as PNG."
        ) from None


def _without_runs(data: bytes, size: tuple[int, int]) -> tuple[bytes, int]:
    """Return the image as uncompressed 8-bit BMP, and where the runs end."""
    (width, height), start, bits = size, _integer(data, _START), _bits(data)
    indices, end = unpacked(data, start, size, bits)
    padding = bytes(-width % 4)
    rows = (indices[row * width : (row + 1) * width] + padding for row in range(height))
    header = bytearray(data[:start])
    struct.pack_into("<H", header, _BITS, 8)
    struct.pack_into("<I", header, _PACKING, _UNPACKED)
    if not _integer(data, _COLOURS):
        struct.pack_into("<I", header, _COLOURS, 1 << bits)
    return b"".join((header, *rows)), end


def _integer(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "little")


def _bits(data: bytes) -> int:
    """Return the bits per pixel, which OS/2 headers have at a lower offset."""
    place = _BITS if _integer(data, _SIZE) > _OS2_HEADER else _BITS - 4
    return int.from_bytes(data[place : place + 2], "little")


def _profile_place(data: bytes) -> slice:
    """Return the position of the colour profile embedded by a header of version 5, if any."""
    header, size = _FILE_HEADER, _integer(data, _SIZE)
    if size < _V5_HEADER or data[header + 56 : header + 60] != _EMBEDDED:
        return slice(0)
    start, length = struct.unpack_from("<II", data, header + 112)
    return slice(header + start, header + start + length)
