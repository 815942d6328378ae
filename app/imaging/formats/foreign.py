"""File formats that are recognized but not read, so that the response can name them.

A large native decoder for each would give attackers more than it would give users.
"""

import re
from dataclasses import dataclass

LOOKED_AT = 1024
"""Bytes at the beginning of a file by which its format is recognized."""

_PICTURE, _DEEP = "convert it to JPEG or PNG", "convert it to PNG or TIFF"
_STILL, _UNPACKED = "send one still image of it", "unpack it, and send the image inside"
_EXPORTED = "save it as OME-TIFF, by the microscope's program, Fiji or bfconvert"
_ANEW = "save it anew with the header of part 10, which it lacks"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A format: its name with an article, how it is recognized, and advice for the sender.

    `pattern` is a regular expression for the first bytes of a file, in which a dot is any byte.
    JavaScript must read it alike, as the page uses it, too.
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
    """Return whether a file is a Canon raw, which begins like a TIFF, followed by a signature."""
    return data[:4] == b"II*\0" and data[8:11] == b"CR\2"


def _branded(*brands: bytes) -> bytes:
    """Return a pattern for ISO base media files with one of the brands, as major or compatible."""
    named = b"(?:%b)" % b"|".join(brands)
    return rb".{4}ftyp(?:.{8}(?:.{4}){0,59}?)?%b" % named


_OF_FIRST_ELEMENT = rb"[\x00\x01\x05\x08\x12-\x18]"  # types with which a data set may begin
_BARE_DICOM = (
    rb"(?:\x08\x00%b\x00|\x00\x08\x00%b)(?:CS|DA|TM|UI|UL|.{2}\x00\x00|\x00\x00.{2})"
    rb"|(?:DICM)?\x02\x00[\x00\x01]\x00(?:UL|OB)"
) % (_OF_FIRST_ELEMENT, _OF_FIRST_ELEMENT)

FOREIGN = (
    Foreign("a camera raw", _branded(b"crx ")),
    Foreign("a camera raw", rb"FUJIFILMCCD-RAW|FOVb|IIU\x00|IIR|MMOR|II\*\x00.{4}CR\x02"),
    Foreign("a PDF", rb".*%PDF-"),
    Foreign("an SVG", rb"(?:\xef\xbb\xbf)?[\t-\r ]*(?=<).*<svg", "draw it as PNG"),
    Foreign("a Photoshop", rb"8BPS"),
    Foreign("a PostScript", rb"%!PS|\xc5\xd0\xd3\xc6"),
    Foreign("a Windows metafile", rb"\x01\x00\x00\x00.{36} EMF|\xd7\xcd\xc6\x9a", "draw it as PNG"),
    Foreign("a DDS", rb"DDS \x7c"),
    Foreign("a PCX", rb"\x0a[\x00-\x05]\x01[\x01\x02\x04\x08]"),
    Foreign("an SGI", rb"\x01\xda[\x00\x01][\x01\x02]"),
    Foreign("an OpenEXR", rb"\x76\x2f\x31\x01", _DEEP),
    Foreign(
        "a NIfTI header", rb".{344}ni1\x00|.{4}ni2\x00", "send header and image in one, as .nii"
    ),
    Foreign("a DICOM", _BARE_DICOM, _ANEW),
    Foreign("a Zeiss CZI", rb"ZISRAWFILE", _EXPORTED),
    Foreign("a Nikon ND2", rb"\xda\xce\xbe\n", _EXPORTED),
    Foreign("a Leica LIF", rb"p\x00\x00\x00.{4}\*", _EXPORTED),
    Foreign("a NetCDF or MINC", rb"CDF[\x01\x02\x05]", "save the image in it as TIFF or NIfTI"),
    Foreign("an old Zeiss, Olympus or Office", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _EXPORTED),
    Foreign("an HDF5", rb"\x89HDF\r\n\x1a\n", "save the image in it as TIFF or NIfTI"),
    Foreign("a NumPy", rb"\x93NUMPY", "save its array as TIFF, as tifffile.imwrite does"),
    Foreign("a PFM", rb"P[Ff][\t-\r ]", "convert it to TIFF"),
    Foreign("a Radiance", rb"#\?R(?:ADIANC|GB)E", _DEEP),
    Foreign("a JPEG XR", rb"II\xbc"),
    Foreign("an icon", rb"\x00\x00\x01\x00[\x01-\xff]\x00|icns"),
    Foreign("a GIMP", rb"gimp xcf"),
    Foreign("a QOI", rb"qoif"),
    Foreign("a video", _branded(b"isom", b"mp4[12]", b"qt  ", b"M4V ", b"3gp."), _STILL),
    Foreign("a video", rb"\x1a\x45\xdf\xa3|RIFF.{4}AVI ", _STILL),
    Foreign("an archive", rb"Rar!\x1a\x07|7z\xbc\xaf|.{257}ustar", _UNPACKED),
    Foreign("a data URI", rb"data:image/", "send the bytes that it stands for"),
    Foreign(
        "a Base64",
        rb"(?:iVBORw0KGgo|\x2f9j\x2f|UklGR|SUkqA|TU0AK|R0lGOD)[A-Za-z0-9+\x2f=\r\n]*$",
        "send the bytes that it stands for",
    ),
    Foreign("a JSON", rb"[\t-\r ]*\{[\t-\r ]*[\x22}]", "send the image itself"),
    Foreign(
        "an HTML", rb"[\t-\r ]*<(?:!DOCTYPE |!doctype )?(?:html|HTML)", "send the image itself"
    ),
    Foreign("a gzip", rb"\x1f\x8b", _UNPACKED),
)
