"""PNG: chunks of our own reading and writing, pixels by libpng.

The decoder is given a file anew, of the header and palette that were read here and the rows that
were inflated here, stored as they are: nothing else in a file can trouble it, and libdeflate
inflates in less than half of zlib's time. The specification is https://www.w3.org/TR/png-3/.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import imagecodecs
import numpy as np

from app.imaging.formats.format import FileFormat, Holds, recognise
from app.imaging.metadata import inflate
from app.imaging.picture import (
    Change,
    Changes,
    Format,
    Header,
    Metadata,
    Picture,
    UnreadableImage,
    UnsupportedImage,
    those_of,
)
from app.imaging.samples import deinterleave, interleave, to_integers

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 200_000
SLACK = 2**16  # bytes that may follow the pixels in their stream
LONGEST_CHUNK = 2**30  # bytes; those of a chunk must be fewer than 2**31
METRE = 0.0254  # an inch in metres

_PALETTE = 3  # a colour type
_CHANNELS = {0: 1, 2: 3, _PALETTE: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), _PALETTE: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_COLOUR = {b"cHRM", b"gAMA", b"sRGB", b"cICP", b"mDCV", b"cLLI"}  # how to see the samples
_OWN = {b"iCCP", b"eXIf", b"pHYs"}  # written from the picture's pixels or metadata
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_ADAM7 = [  # left, top, and steps across and down of each pass
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
]
_PADDING = b"\0\r\n "  # behind the end, of no meaning
_XMP = b"XML:com.adobe.xmp\0"
_RAW_EXIF = (b"Raw profile type exif\0", b"Raw profile type APP1\0")  # as ImageMagick has it
_EXIF = b"Exif\0\0"


class Chunk(NamedTuple):
    """A chunk: its name, its contents, and all of its bytes with length and checksum."""

    name: bytes
    body: memoryview
    whole: memoryview


@dataclass(frozen=True, slots=True)
class Head:
    """What the IHDR chunk says."""

    width: int
    height: int
    depth: int
    colour_type: int
    interlaced: int

    @property
    def stream_size(self) -> int:
        """Bytes of the filtered rows: one for the filter, then samples."""
        bits, size = self.depth * _CHANNELS[self.colour_type], 0
        for left, top, across, down in _ADAM7 if self.interlaced else [(0, 0, 1, 1)]:
            columns, rows = -((left - self.width) // across), -((top - self.height) // down)
            if columns > 0:
                size += rows * (1 + (columns * bits + 7) // 8)
        return size

    def write(self) -> bytes:
        """Return the chunk anew."""
        return write_chunk(
            b"IHDR",
            struct.pack(
                *(">IIBBBBB", self.width, self.height, self.depth, self.colour_type),
                *(0, 0, self.interlaced),
            ),
        )


def read_header(data: bytes) -> Header:
    """Read the IHDR chunk and, of an animation, the number of frames."""
    chunks, frames = _chunks(data), 1
    head = _head(next(chunks))
    for chunk in chunks:
        if chunk.name == b"acTL":
            frames = struct.unpack_from(">I", chunk.body)[0]
        if chunk.name == b"IDAT":
            break
    return Header(Format.PNG, head.width, head.height, frames)


def decode(data: bytes) -> Picture:
    """Decode any kind of PNG; palettes and fewer than 8 bits become 8-bit grey or RGB."""
    *chunks, last = _chunks(data)
    size = len(SIGNATURE) + sum(len(chunk.whole) for chunk in (*chunks, last))
    head = _head(chunks[0])
    palette, transparency = _palette(head, chunks), _transparency(head, chunks)
    samples = imagecodecs.png_decode(_rebuild(head, palette, transparency, _rows(head, chunks)))
    pixels, alpha = deinterleave(samples)
    if palette and _is_grey(palette):
        pixels = np.ascontiguousarray(pixels[..., :1])
    metadata = _metadata(chunks)
    changes = _changes(chunks, metadata, head)
    if not last.name:
        changes |= {Change.END}
    elif data[size:].strip(_PADDING):
        changes |= {Change.METADATA}
    return Picture(pixels, alpha, Format.PNG, metadata, changes)


def encode(picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG001
    """Encode 8 or 16 bits a sample; floating point is rounded to 16."""
    samples = to_integers(interleave(picture.pixels, picture.alpha))
    room = samples.nbytes + samples.nbytes // 8 + 2 * picture.height + SLACK  # even for noise
    # benchmarks/codecs.py: a tenth of the time of zlib's level 6, for files no larger
    png = imagecodecs.png_encode(
        samples,
        level=1,
        strategy=imagecodecs.PNG.STRATEGY.RLE,
        filter=imagecodecs.PNG.FILTER.PAETH,
        out=room,
    )
    end = len(SIGNATURE) + 25  # of the IHDR chunk
    return b"".join([png[:end], *_metadata_chunks(picture), png[end:]])


def write_chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _chunks(data: bytes) -> Iterator[Chunk]:
    """Each chunk, and that of the end, or in its place one of no name.

    Behind pixels, what can be no chunk ends the file: whether they are all there is seen later.
    """
    view, position, has_pixels = memoryview(data), len(SIGNATURE), False
    for _ in range(MAX_CHUNKS):
        length, name = struct.unpack(">I4s", data[position : position + 8].ljust(8, b"\0"))
        end = position + length + 12
        if end > len(data) and not has_pixels:
            raise UnreadableImage("The PNG image is truncated.")
        if end > len(data) or (has_pixels and not name.isalpha()):
            yield Chunk(b"", view[:0], view[:0])
            return
        yield Chunk(name, view[position + 8 : end - 4], view[position:end])
        if name == b"IEND":
            return
        position, has_pixels = end, has_pixels or name == b"IDAT"
    raise UnsupportedImage(f"The PNG image has more than {MAX_CHUNKS} chunks.")


def _head(first: Chunk) -> Head:
    name, body, whole = first
    if name != b"IHDR" or len(body) != 13 or not _is_sound(whole):
        raise UnreadableImage("The PNG image does not begin with its header.")
    width, height, depth, colour_type, *methods, interlaced = struct.unpack(">IIBBBBB", body)
    if depth not in _DEPTHS.get(colour_type, ()) or any(methods) or interlaced > 1:
        raise UnreadableImage("The header of the PNG image makes no sense.")
    return Head(width, height, depth, colour_type, interlaced)


def _rows(head: Head, chunks: list[Chunk]) -> bytes:
    """Return the filtered rows of all passes, in a zlib stream that is not compressed."""
    packed = [chunk for chunk in chunks if chunk.name == b"IDAT"]
    if not all(_is_sound(chunk.whole) for chunk in packed):
        raise UnreadableImage("The PNG image is damaged.")
    stream, size = b"".join(chunk.body for chunk in packed), head.stream_size
    rows = bytes(imagecodecs.deflate_decode(stream, out=size + SLACK))[:size]
    if len(rows) < size:
        raise UnreadableImage("The PNG image is truncated.")
    return bytes(imagecodecs.deflate_encode(rows, level=0))


def _palette(head: Head, chunks: list[Chunk]) -> bytes:
    """Return the colours that indices may name; none where there are no indices."""
    if head.colour_type != _PALETTE:
        return b""
    palette = _before_pixels(chunks, b"PLTE")
    if not palette or len(palette) % 3:
        raise UnreadableImage("The palette of the PNG image is missing or damaged.")
    return palette[: 3 << head.depth]


def _transparency(head: Head, chunks: list[Chunk]) -> bytes:
    """Return the opacity of the palette's colours, or the colour that is transparent."""
    transparency = _before_pixels(chunks, b"tRNS")
    match head.colour_type:
        case 0 | 2:
            fits = len(transparency) == 2 * _CHANNELS[head.colour_type]
        case _:
            fits = head.colour_type == _PALETTE and len(transparency) <= 256
    return transparency if fits else b""


def _before_pixels(chunks: list[Chunk], name: bytes) -> bytes:
    """Return the contents of the first chunk of that name; after the pixels it has no effect."""
    names = [chunk.name for chunk in chunks]
    place = names.index(name) if name in names else len(names)
    if place > (names.index(b"IDAT") if b"IDAT" in names else 0):
        return b""
    if not _is_sound(chunks[place].whole):
        raise UnreadableImage("The PNG image is damaged.")
    return bytes(chunks[place].body)


def _rebuild(head: Head, palette: bytes, transparency: bytes, rows: bytes) -> bytes:
    """Return the file anew, of what was read of it."""
    parts = [SIGNATURE, head.write()]
    parts += [write_chunk(b"PLTE", palette)] if palette else []
    parts += (
        [write_chunk(b"tRNS", transparency[: len(palette) // 3 or None])] if transparency else []
    )
    starts = range(0, len(rows), LONGEST_CHUNK)
    parts += [write_chunk(b"IDAT", rows[start : start + LONGEST_CHUNK]) for start in starts]
    return b"".join([*parts, write_chunk(b"IEND", b"")])


def _is_grey(palette: bytes) -> bool:
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def _metadata(chunks: list[Chunk]) -> Metadata:
    icc = exif = raw = xmp = dpi = None
    colour, native = [], []
    for name, body, whole in chunks:
        if name in _PIXELS or not _is_sound(whole):
            continue
        if name == b"iCCP" and icc is None:
            icc = inflate(body[bytes(body[:80]).find(b"\0") + 2 :])
        elif name == b"eXIf":
            exif = bytes(body).removeprefix(_EXIF)
        elif name == b"pHYs" and len(body) == 9 and body[8] == 1:
            across, down = struct.unpack_from(">II", body)
            dpi = (across * METRE, down * METRE)
        elif name == b"iTXt" and bytes(body[: len(_XMP)]) == _XMP:
            xmp = _international_text(body[len(_XMP) :]) if xmp is None else xmp
        elif name in _COLOUR:
            colour.append(bytes(whole))
        elif name in _TEXTS and bytes(body[:22]).startswith(_RAW_EXIF):
            raw = _raw_exif(name, bytes(body)) if raw is None else raw
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
    """EXIF from a chunk of text: a kind, the length, and hexadecimal digits in lines."""
    _, _, text = body.partition(b"\0")
    if name == b"zTXt":
        text = inflate(text[1:])
    elif name == b"iTXt":
        text = _international_text(memoryview(text))
    lines = text.split(b"\n")
    try:
        found = bytes.fromhex(b"".join(lines[3:]).decode("ascii"))
    except ValueError:
        return None
    return found.removeprefix(_EXIF) if found.startswith((_EXIF, b"II", b"MM")) else None


def _changes(chunks: list[Chunk], metadata: Metadata, head: Head) -> Changes:
    names = [chunk.name for chunk in chunks if chunk.name not in _PIXELS]
    carried = len(metadata.colour) + len(metadata.native)
    carried += sum(part is not None for part in (metadata.exif, metadata.xmp, metadata.dpi))
    described = len(names) - names.count(b"iCCP")
    changes = {
        Change.ALPHA: any(chunk.name == b"tRNS" for chunk in chunks),
        Change.COLOURS: head.colour_type == _PALETTE,
        Change.DEPTH: head.depth < 8 and head.colour_type != _PALETTE,
        Change.METADATA: carried < described,
        Change.PROFILE: b"iCCP" in names and metadata.icc is None,
    }
    return those_of(changes)


def _is_sound(chunk: memoryview) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _may_copy(name: bytes) -> bool:
    """Return whether the chunk holds true for other pixels; lower-case letters are flags that say
    so.
    """
    ancillary, safe_to_copy = name[0] & 32, name[3] & 32
    return bool(ancillary and safe_to_copy and name not in _OWN)


def _international_text(body: memoryview) -> bytes:
    """Return the text of an iTXt chunk, from its compression flag on."""
    text = bytes(body[2:]).split(b"\0", 2)[-1]
    return inflate(text) if bytes(body[:1]) == b"\1" else text


def _metadata_chunks(picture: Picture) -> Iterator[bytes]:
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


FORMAT = FileFormat(
    name="png",
    title="PNG",
    media_types=("image/png",),
    suffixes=(".png",),
    recognises=recognise(SIGNATURE),
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=Holds(depths=(8, 16), alpha=True, exif=True, xmp=True, dpi=True, colour=lambda _: True),
)
