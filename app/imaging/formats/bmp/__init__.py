"""BMP, which is read but not written."""

from app.imaging.formats.bmp.reader import decode, read_header
from app.imaging.formats.format import FileFormat, recognise

FORMAT = FileFormat(
    name="bmp",
    title="BMP",
    media_types=("image/bmp",),
    suffixes=(".bmp",),
    recognises=recognise(b"BM"),
    read_header=read_header,
    decode=decode,
)
