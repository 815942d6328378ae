"""JPEG: baseline, extended and progressive, of 8 bits a sample."""

from app.imaging.formats.format import FileFormat, Holds, recognise
from app.imaging.formats.jpeg.reader import decode, read_header
from app.imaging.formats.jpeg.writer import encode, too_long
from app.imaging.picture import Format

FORMAT = FileFormat(
    name=Format.JPEG,
    title="JPEG",
    media_types=("image/jpeg",),
    suffixes=(".jpeg", ".jpg"),
    recognises=recognise(b"\xff\xd8\xff"),
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=Holds(depths=(8,), exif=True, xmp=True, dpi=True, gain_map=True, too_long=too_long),
)
