"""JPEG 2000: codestreams by OpenJPEG, and the boxes around them by our own parser."""

from app.imaging.formats.format import FileFormat, Holds, recognise, srgb_alone
from app.imaging.formats.jp2.codestream import START
from app.imaging.formats.jp2.container import SIGNATURE
from app.imaging.formats.jp2.reader import decode, read_header
from app.imaging.formats.jp2.writer import encode, holds_white
from app.imaging.picture import Format

FORMAT = FileFormat(
    name=Format.JP2,
    title="JPEG 2000",
    media_types=("image/jp2", "image/j2c", "image/jpx", "image/jph", "image/jphc"),
    suffixes=(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jph", ".jhc"),
    recognises=recognise(SIGNATURE, START),
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=Holds(
        depths=(8, 16),
        alpha=True,
        extra=True,
        exif=True,
        xmp=True,
        dpi=True,
        colour=srgb_alone,
        white=holds_white,
    ),
    encoding_bytes=48,  # OpenJPEG keeps copies of the picture in 32 bits per sample
)
