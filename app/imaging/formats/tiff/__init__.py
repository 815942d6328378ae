"""TIFF and BigTIFF: grey, RGB, palettes and CMYK, in integers and floating point, of one page or
many.
"""

from app.imaging.formats.foreign import is_canon_raw
from app.imaging.formats.format import FileFormat, Holds, recognise
from app.imaging.formats.tiff.reader import decode, read_header
from app.imaging.formats.tiff.writer import encode
from app.imaging.picture import Format

_is_tiff = recognise(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _recognises(data: bytes) -> bool:
    return _is_tiff(data) and not is_canon_raw(data)


FORMAT = FileFormat(
    name=Format.TIFF,
    title="TIFF",
    media_types=("image/tiff",),
    suffixes=(".tiff", ".tif"),
    recognises=_recognises,
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=Holds(
        depths=(8, 16, 32, 64),
        numbers=True,
        alpha=True,
        extra=True,
        exif=True,
        xmp=True,
        dpi=True,
        frames=True,
    ),
)
