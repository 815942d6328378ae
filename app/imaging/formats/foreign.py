"""File formats that are known but not read, so that the answer can name them.

A large native decoder for each would be more for strangers to attack than it would help; and
medical and astronomical files hold values without a white, which their own programs scale.
"""

from collections.abc import Callable
from dataclasses import dataclass

_TEXT = 1024  # bytes in which an SVG file's root and a PDF file's signature must begin
_PICTURE, _DEEP = "convert it to JPEG or PNG", "convert it to PNG or TIFF"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A format: its name with an article, how it is known, and what to do with such a file."""

    title: str
    recognises: Callable[[bytes], bool]
    advice: str = _PICTURE


def foreign_to(data: bytes) -> str | None:
    """What to tell the sender of a file of a foreign format; None where it is no known one."""
    found = next((each for each in FOREIGN if each.recognises(data)), None)
    return None if found is None else f"This is {found.title} file; {found.advice}."


def is_canon_raw(data: bytes) -> bool:
    """Whether a file is a camera's that begins as a TIFF does, with the camera's sign behind."""
    return data[:4] == b"II*\0" and data[8:11] == b"CR\2"


def _at(place: int, *signatures: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(signatures, place)


def _branded(*brands: bytes) -> Callable[[bytes], bool]:
    """Whether an ISO base media file names one of the brands as its own or as compatible."""

    def recognises(data: bytes) -> bool:
        end = min(int.from_bytes(data[:4], "big"), 256)
        named = {data[8:12], *(data[place : place + 4] for place in range(16, end, 4))}
        return data[4:8] == b"ftyp" and not named.isdisjoint(brands)

    return recognises


def _is_svg(data: bytes) -> bool:
    text = data[:_TEXT].removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith(b"<") and b"<svg" in text


FOREIGN = (
    Foreign("a HEIC", _branded(b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")),
    Foreign("a JPEG XL", _at(0, b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")),
    Foreign("a JPEG 2000", _at(0, b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")),
    Foreign("a camera raw", _branded(b"crx ")),
    Foreign("a camera raw", _at(0, b"FUJIFILMCCD-RAW", b"FOVb", b"IIU\0", b"IIR", b"MMOR")),
    Foreign("a camera raw", is_canon_raw),
    Foreign("a PDF", lambda data: b"%PDF-" in data[:_TEXT]),
    Foreign("an SVG", _is_svg, "draw it as PNG"),
    Foreign("a DICOM", _at(128, b"DICM"), _DEEP),
    Foreign("a Photoshop", _at(0, b"8BPS")),
    Foreign("an OpenEXR", _at(0, b"\x76\x2f\x31\x01"), _DEEP),
    Foreign("a FITS", _at(0, b"SIMPLE  ="), _DEEP),
    Foreign("a NIfTI", _at(344, b"n+1\0", b"ni1\0"), _DEEP),
    Foreign("a NIfTI", _at(4, b"n+2\0", b"ni2\0"), _DEEP),
    Foreign("a gzip", _at(0, b"\x1f\x8b"), "unpack it, and send the picture that is in it"),
)
