"""File formats that are known but not read, so that the answer can name them.

A large native decoder for each would be more for strangers to attack than it would help.
"""

import re
from dataclasses import dataclass

LOOKED_AT = 1024
"""Bytes in which everything that a file is known by must be."""

_PICTURE, _DEEP = "convert it to JPEG or PNG", "convert it to PNG or TIFF"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A format: its name with an article, how it is known, and what to do with such a file.

    `pattern` is a regular expression for the first bytes of a file, in which a dot is any byte; it
    is one that JavaScript reads alike, as the page knows files by it, too.
    """

    title: str
    pattern: bytes
    advice: str = _PICTURE

    def recognises(self, data: bytes) -> bool:
        """Return whether a file is of this format."""
        return re.match(self.pattern, data[:LOOKED_AT], re.DOTALL) is not None


def foreign_to(data: bytes) -> str | None:
    """Return advice for the sender of a file of a foreign format; None if it is unknown."""
    found = next((each for each in FOREIGN if each.recognises(data)), None)
    return None if found is None else f"This is {found.title} file; {found.advice}."


def is_canon_raw(data: bytes) -> bool:
    """Return whether a file is a camera's that begins as a TIFF does, with the camera's sign
    behind.
    """
    return data[:4] == b"II*\0" and data[8:11] == b"CR\2"


def _branded(*brands: bytes) -> bytes:
    """Return an ISO base media file that names one of the brands as its own or as compatible."""
    named = b"(?:%b)" % b"|".join(brands)
    return rb".{4}ftyp(?:.{8}(?:.{4}){0,59}?)?%b" % named


FOREIGN = (
    Foreign("a JPEG 2000", rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  \r\n\x87\n"),
    Foreign("a camera raw", _branded(b"crx ")),
    Foreign("a camera raw", rb"FUJIFILMCCD-RAW|FOVb|IIU\x00|IIR|MMOR|II\*\x00.{4}CR\x02"),
    Foreign("a PDF", rb".*%PDF-"),
    Foreign("an SVG", rb"(?:\xef\xbb\xbf)?[\t-\r ]*(?=<).*<svg", "draw it as PNG"),
    Foreign("a Photoshop", rb"8BPS"),
    Foreign("an OpenEXR", rb"\x76\x2f\x31\x01", _DEEP),
    Foreign("a FITS", rb"SIMPLE  =", _DEEP),
    Foreign(
        "a NIfTI header", rb".{344}ni1\x00|.{4}ni2\x00", "send header and image in one, as .nii"
    ),
    Foreign("a gzip", rb"\x1f\x8b", "unpack it, and send the image inside"),
)
