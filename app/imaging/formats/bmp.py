"""BMP, which is read but not written: headers and pixels by Pillow."""

import io
import struct

from PIL.BmpImagePlugin import BmpImageFile

from app.imaging.formats.format import FileFormat, recognise
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import Change, Format, Header, Metadata, Picture, UnsupportedImage
from app.imaging.pillow import planes

_UNPACKED, _BITFIELDS = 0, 3  # compressions
_V5_HEADER, _EMBEDDED = 124, b"DEBM"


def read_header(data: bytes) -> Header:
    """Read the file's and the bitmap's headers."""
    image = BmpImageFile(io.BytesIO(data))
    if image.info.get("compression", _UNPACKED) not in (_UNPACKED, _BITFIELDS):
        raise UnsupportedImage("BMP images with run-length encoding are not supported.")
    return Header("bmp", image.width, image.height)


def decode(data: bytes) -> Picture:
    """Decode 1 to 32 bits a pixel."""
    image = BmpImageFile(io.BytesIO(data))
    dpi, (bits,) = image.info.get("dpi"), struct.unpack_from("<H", data, 28)
    changes = {Change.FORMAT}
    if image.mode == "P":
        changes.add(Change.COLOURS)
    elif bits in (1, 16):  # 16 bits are 5 or 6 for each of three samples
        changes.add(Change.DEPTH)
    place = _profile_place(data)
    (start,) = struct.unpack_from("<I", data, 10)
    end = max(place.stop, start + -(-image.width * bits // 32) * 4 * image.height)
    profile = data[place] or None
    metadata = Metadata(icc=profile, dpi=dpi if dpi and all(dpi) else None)
    pixels, alpha = planes(image)
    if alpha is not None and not alpha.any():
        alpha = None  # clipboards declare alpha and leave it at 0, where nothing is transparent
    changes |= in_trailer(data[end:])
    return Picture(pixels, alpha, Format.PNG, metadata, frozenset(changes))


def _profile_place(data: bytes) -> slice:
    """Return where the colour profile lies that a header of version 5 embeds, if it does."""
    header = 14
    (size,) = struct.unpack_from("<I", data, header)
    if size < _V5_HEADER or data[header + 56 : header + 60] != _EMBEDDED:
        return slice(0)
    start, length = struct.unpack_from("<II", data, header + 112)
    return slice(header + start, header + start + length)


FORMAT = FileFormat(
    name="bmp",
    title="BMP",
    media_types=("image/bmp",),
    suffixes=(".bmp",),
    recognises=recognise(b"BM"),
    read_header=read_header,
    decode=decode,
)
