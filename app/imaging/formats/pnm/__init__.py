"""PNM and PAM, the plain formats of Netpbm: a header in text, then samples in bytes or in text.

They are described at https://netpbm.sourceforge.net/doc/pnm.html and pam.html.
"""

from app.imaging.formats.format import FileFormat, Holds, srgb_alone
from app.imaging.formats.pnm.head import is_pnm
from app.imaging.formats.pnm.reader import decode, read_header
from app.imaging.formats.pnm.writer import encode
from app.imaging.picture import Format


def _holds_white(_: int) -> bool:
    return True


FORMAT = FileFormat(
    name=Format.PNM,
    title="PNM",
    media_types=(
        "image/x-portable-anymap",
        "image/x-portable-pixmap",
        "image/x-portable-graymap",
        "image/x-portable-bitmap",
        "image/x-portable-arbitrarymap",
    ),
    suffixes=(".pnm", ".ppm", ".pgm", ".pbm", ".pam"),
    recognises=is_pnm,
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=Holds(
        depths=(8, 16),
        alpha=True,
        extra=True,
        profile=False,
        colour=srgb_alone,
        white=_holds_white,
    ),
)
