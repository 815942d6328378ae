"""Read and write the metadata of a PNG."""

import struct
import zlib
from collections.abc import Iterator

from app.imaging.formats.png.chunks import Chunk, is_sound, write_chunk
from app.imaging.formats.png.head import PALETTE, Head
from app.imaging.metadata import EXIF_PREFIX, inflate
from app.imaging.picture import Change, Changes, Format, Metadata, Picture, those_of

METRE = 0.0254
"""Metres per inch."""

_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_COLOUR = {b"cHRM", b"gAMA", b"sRGB", b"cICP", b"mDCV", b"cLLI"}  # define the colours
_OWN = {b"iCCP", b"eXIf", b"pHYs"}  # written from the picture's pixels or metadata
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_XMP = b"XML:com.adobe.xmp\0"
_RAW_EXIF = (b"Raw profile type exif\0", b"Raw profile type APP1\0")  # as written by ImageMagick


def read_metadata(chunks: list[Chunk]) -> Metadata:
    """Return the metadata in the chunks, ignoring damaged ones."""
    icc = exif = raw = xmp = dpi = None
    has_raw = False
    colour, native = [], []
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
            colour.append(bytes(whole))
        elif name in _TEXTS and bytes(body[:22]).startswith(_RAW_EXIF):
            raw, has_raw = raw if has_raw else _raw_exif(name, bytes(body)), True
        elif _may_copy(name):
            native.append(bytes(whole))
    return Metadata(
        icc=icc or None,
        exif=raw if exif is None else exif,
        xmp=xmp or None,
        dpi=dpi,
        colour=tuple(colour),
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
    """Return whether a chunk remains valid for other pixels, as flagged by the case of its name."""
    ancillary, safe_to_copy = name[0] & 32, name[3] & 32
    return bool(ancillary and safe_to_copy and name not in _OWN)
