"""Read and write the metadata of a PNG."""

import struct
import zlib
from collections.abc import Iterator

from app.imaging.formats.png.chunks import Chunk, is_sound, write_chunk
from app.imaging.formats.png.head import PALETTE, Head
from app.imaging.metadata import EXIF_PREFIX, MAX_INFLATED, inflate
from app.imaging.picture import Change, Changes, Format, Metadata, Picture, those_of

METRE = 0.0254
"""Metres per inch."""

_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_COLOUR = {b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8}
"""The chunks that define the colours, and their bytes."""
_OWN = {b"iCCP", b"eXIf", b"pHYs"}  # written from the picture's pixels or metadata
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_XMP = b"XML:com.adobe.xmp\0"
_RAW_EXIF = (b"Raw profile type exif\0", b"Raw profile type APP1\0")  # as written by ImageMagick


def read_metadata(chunks: list[Chunk]) -> Metadata:
    """Return the metadata in the chunks, ignoring damaged ones.

    All compressed texts together may inflate to as much as one of them.
    """
    icc = exif = raw = xmp = dpi = None
    has_raw, room = False, MAX_INFLATED
    colour, native = dict[bytes, bytes](), []
    for name, body, whole in chunks:
        if name in _PIXELS or not is_sound(whole):
            continue
        if name == b"iCCP" and icc is None:
            icc = inflate(body[bytes(body[:80]).find(b"\0") + 2 :])
        elif name == b"eXIf":
            exif = bytes(body).removeprefix(EXIF_PREFIX)
        elif name == b"pHYs" and len(body) == 9 and body[8] == 1:
            across, down = struct.unpack_from(">II", body)
            dpi = (across * METRE, down * METRE)
        elif name == b"iTXt" and bytes(body[: len(_XMP)]) == _XMP:
            xmp = _international_text(body[len(_XMP) :]) if xmp is None else xmp
        elif name in _COLOUR:
            if len(body) == _COLOUR[name]:
                colour.setdefault(name, bytes(whole))
        elif name in _TEXTS and bytes(body[:22]).startswith(_RAW_EXIF):
            raw, has_raw = raw if has_raw else _raw_exif(name, bytes(body)), True
        elif name in _TEXTS:
            size = _inflated_size(name, bytes(body), room)
            if size is not None:
                native.append(bytes(whole))
                room -= size
        elif _may_copy(name):
            native.append(bytes(whole))
    return Metadata(
        icc=icc or None,
        exif=raw if exif is None else exif,
        xmp=xmp or None,
        dpi=dpi,
        colour=tuple(colour.values()),
        native=tuple(native),
    )


def _raw_exif(name: bytes, body: bytes) -> bytes | None:
    """Return EXIF from a text chunk: a type, the length, and lines of hexadecimal digits."""
    _, _, text = body.partition(b"\0")
    if name == b"zTXt":
        text = inflate(text[1:])
    elif name == b"iTXt":
        text = _international_text(memoryview(text))
    digits = b"".join(text.split(b"\n", 3)[3:])
    try:
        found = bytes.fromhex(digits.decode("ascii"))  # whose lines it joins itself
    except ValueError:
        return None
    is_exif = found.startswith((EXIF_PREFIX, b"II", b"MM"))
    return found.removeprefix(EXIF_PREFIX) if is_exif else None


def _inflated_size(name: bytes, body: bytes, room: int) -> int | None:
    """Return the bytes to which a text inflates, 0 if it is not compressed.

    Return None if it is damaged or has more than `room`: readers refuse a file with such a text.
    """
    _, _, text = body.partition(b"\0")
    if name == b"iTXt" and text[:1] == b"\1":
        text = text[1:2] + text[2:].split(b"\0", 2)[-1]
    elif name != b"zTXt":
        return 0
    return len(inflate(text[1:], room)) or None if text[:1] == b"\0" else None


def _international_text(body: memoryview) -> bytes:
    """Return the text of an iTXt chunk, from its compression flag on."""
    text = bytes(body[2:]).split(b"\0", 2)[-1]
    return inflate(text) if bytes(body[:1]) == b"\1" else text


def read_changes(chunks: list[Chunk], metadata: Metadata, head: Head) -> Changes:
    """Return which contents of the chunks a picture with this metadata lacks or changes."""
    names = [chunk.name for chunk in chunks if chunk.name not in _PIXELS]
    carried = len(metadata.colour) + len(metadata.native)
    carried += sum(part is not None for part in (metadata.exif, metadata.xmp, metadata.dpi))
    described = len(names) - names.count(b"iCCP")
    changes = {
        Change.ALPHA: any(chunk.name == b"tRNS" for chunk in chunks),
        Change.COLOURS: head.colour_type == PALETTE,
        Change.DEPTH: head.depth < 8 and head.colour_type != PALETTE,
        Change.METADATA: carried < described,
        Change.PROFILE: b"iCCP" in names and metadata.icc is None,
    }
    return those_of(changes)


def metadata_chunks(picture: Picture) -> Iterator[bytes]:
    """Yield the chunks for the metadata of a picture."""
    metadata = picture.metadata
    if metadata.icc:
        yield write_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    yield from metadata.colour
    if picture.format is Format.PNG:
        yield from metadata.native
    if metadata.dpi:
        across, down = (round(dots / METRE) for dots in metadata.dpi)
        yield write_chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if metadata.exif:
        yield write_chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        yield write_chunk(b"iTXt", _XMP + bytes(4) + metadata.xmp)


def _may_copy(name: bytes) -> bool:
    """Return whether a chunk remains valid for other pixels, as flagged by the case of its name.

    Readers refuse a file with a name that is not of four letters, the third of them upper-case.
    """
    ancillary, reserved, safe_to_copy = name[0] & 32, name[2] & 32, name[3] & 32
    is_valid = name.isalpha() and not reserved
    return bool(is_valid and ancillary and safe_to_copy and name not in _OWN)
