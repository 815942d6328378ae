"""JPEG XL files: a bare codestream, or boxes with one (ISO/IEC 18181-2) and metadata."""

import imagecodecs

from app.imaging.formats.heif.boxes import Box, boxes_of_file, write_box
from app.imaging.formats.heif.exif import read_exif
from app.imaging.formats.jxl.end import after_last_frame
from app.imaging.formats.jxl.header import SIGNATURE
from app.imaging.formats.trailer import in_trailer
from app.imaging.metadata import MAX_INFLATED
from app.imaging.picture import Change, Changes, Metadata, UnreadableImage

CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"

_WHOLE, _PART, _PACKED = b"jxlc", b"jxlp", b"brob"
_DESCRIBING = (b"Exif", b"xml ")
_LAST = 1 << 31  # in the index of a part: the last one
_KNOWN = {b"JXL ", b"ftyp", b"jxll", b"jxli", b"jbrd", b"Exif", b"xml ", _WHOLE, _PART}


def codestream(data: bytes) -> bytes:
    """Return the codestream of a file, from one box or from parts in their order."""
    if data[:2] == SIGNATURE:
        return data
    found, _ = boxes_of_file(data, {_WHOLE, _PART})
    whole = [box.body for box in found if box.name == _WHOLE]
    parts = [box.body for box in found if box.name == _PART]
    if len(whole) + bool(parts) != 1:
        raise UnreadableImage("The JPEG XL file contains no image, or several.")
    numbers = [int.from_bytes(part[:4], "big") for part in parts]
    expected = list(range(len(parts)))
    if parts:
        expected[-1] |= _LAST
    if numbers != expected:
        raise UnreadableImage("The parts of the JPEG XL image are not in their order.")
    return b"".join((*whole, *(part[4:] for part in parts)))


def read_metadata(data: bytes) -> tuple[Metadata, Changes]:
    """Return EXIF and XMP of a file, and what else it contains besides its picture."""
    if data[:2] == SIGNATURE:
        return Metadata(), in_trailer(after_last_frame(data))
    first: dict[bytes, bytes] = {}
    outer, trailer = boxes_of_file(data, {_WHOLE, _PART})
    changes = set(in_trailer(trailer))
    for box in outer:
        name = box.body[:4] if box.name == _PACKED else box.name
        if name == b"jhgm":
            changes.add(Change.GAIN_MAP)
        elif name not in _KNOWN or (name in first and name in _DESCRIBING):
            changes.add(Change.METADATA)
        elif name in _DESCRIBING:  # decompressed once each: a few bytes may become megabytes
            found = _unpacked(box)
            first[name] = found or b""
            if found is None:
                changes.add(Change.METADATA)
    exif = read_exif(first.get(b"Exif", b""))
    metadata = Metadata(exif=exif, xmp=first.get(b"xml ") or None)
    return metadata, frozenset(changes)


def _unpacked(box: Box) -> bytes | None:
    """Return the contents of a box, decompressed if necessary; None if damaged or too long."""
    if box.name != _PACKED:
        return box.body
    try:
        return bytes(imagecodecs.brotli_decode(box.body[4:], out=MAX_INFLATED))
    except imagecodecs.BrotliError:
        return None


def write_file(codestream: bytes, metadata: Metadata, deep: bool) -> bytes:
    """Return a file of boxes; `deep` are samples of more than 12 bits, which only its level 10
    allows.
    """
    parts = [CONTAINER, write_box(b"ftyp", b"jxl ", bytes(4), b"jxl ")]
    if deep:
        parts.append(write_box(b"jxll", b"\x0a"))
    if metadata.exif:
        parts.append(write_box(b"Exif", bytes(4), metadata.exif))
    if metadata.xmp:
        parts.append(write_box(b"xml ", metadata.xmp))
    return b"".join((*parts, write_box(_WHOLE, codestream)))
