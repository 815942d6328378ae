"""PNG: chunks by our own parser and writer, pixels by libpng.

The decoder gets a new file with the header and palette that were parsed here and the rows that were
inflated here, stored without compression: nothing else in a file can reach it, and libdeflate
inflates in less than half of zlib's time. The specification is https://www.w3.org/TR/png-3/.
"""

from app.imaging.formats.format import FileFormat, Holds, recognise
from app.imaging.formats.png.chunks import SIGNATURE
from app.imaging.formats.png.reader import decode, read_header
from app.imaging.formats.png.writer import encode
from app.imaging.picture import Format

FORMAT = FileFormat(
    name=Format.PNG,
    title="PNG",
    media_types=("image/png",),
    suffixes=(".png",),
    recognises=recognise(SIGNATURE),
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=Holds(depths=(8, 16), alpha=True, exif=True, xmp=True, dpi=True, colour=lambda _: True),
)
