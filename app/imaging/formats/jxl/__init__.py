"""JPEG XL: lossless in any depth, lossy in 8 bits."""

from app.imaging.formats.format import FileFormat, Holds, recognise
from app.imaging.formats.jxl.header import SIGNATURE
from app.imaging.formats.jxl.reader import decode, read_header
from app.imaging.formats.jxl.stream import CONTAINER
from app.imaging.formats.jxl.writer import encode
from app.imaging.picture import Format, Metadata


def _holds_colour(metadata: Metadata) -> bool:
    return metadata.linear or metadata.is_srgb


FORMAT = FileFormat(
    name=Format.JXL,
    title="JPEG XL",
    media_types=("image/jxl",),
    suffixes=(".jxl",),
    recognises=recognise(SIGNATURE, CONTAINER),
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=Holds(depths=(8, 16, 32), alpha=True, exif=True, xmp=True, colour=_holds_colour),
    encoding_bytes=72,  # libjxl keeps floats and their tokens
)
