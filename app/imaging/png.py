"""PNG: chunks of our own reading and writing, pixels by libpng.

The decoder is given the chunks that make up the pixels and no others, so nothing else in a file
can trouble it. The specification is https://www.w3.org/TR/png-3/.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import imagecodecs
import numpy as np

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
METRE = 0.0254  # an inch in metres

_PALETTE = 3  # a colour type
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_COLOUR = {b"cHRM", b"gAMA", b"sRGB", b"cICP", b"mDCV", b"cLLI"}  # how to see the samples
_OWN = {b"iCCP", b"eXIf", b"pHYs"}  # written from the picture's pixels or metadata
_ADAM7 = [  # left, top, and steps across and down of each pass
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
]
_XMP = b"XML:com.adobe.xmp\0"
_STALE = (b"Raw profile type exif\0", b"Raw profile type APP1\0")  # would turn the picture twice


class Chunk(NamedTuple):
    """A chunk: its name, its contents, and all of its bytes with length and checksum."""

    name: bytes
    body: memoryview
    whole: memoryview


def read_header(data: bytes) -> Header:
    """Read the IHDR chunk and, of an animation, the number of frames."""
    width, height = struct.unpack_from(">II", data, len(SIGNATURE) + 8)
    frames = 1
    for chunk in _chunks(data):
        if chunk.name == b"acTL":
            frames = struct.unpack_from(">I", chunk.body)[0]
        if chunk.name == b"IDAT":
            break
    return Header(Format.PNG, width, height, frames)


def decode(data: bytes) -> Picture:
    """Decode any kind of PNG; palettes and fewer than 8 bits become 8-bit grey or RGB."""
    chunks = list(_chunks(data))
    _check_stream(data, chunks)
    parts = [chunk.whole for chunk in chunks if chunk.name in _PIXELS]
    samples = imagecodecs.png_decode(b"".join([SIGNATURE, *parts, write_chunk(b"IEND", b"")]))
    pixels, alpha = deinterleave(samples)
    palette = next((chunk.body for chunk in chunks if chunk.name == b"PLTE"), None)
    depth, colour_type = data[len(SIGNATURE) + 16 : len(SIGNATURE) + 18]
    if colour_type == _PALETTE and palette is not None and _is_grey(palette):
        pixels = np.ascontiguousarray(pixels[..., :1])
    metadata = _metadata(chunks)
    changes = _changes(chunks, metadata, depth, colour_type)
    return Picture(pixels, alpha, Format.PNG, metadata, changes)


def encode(picture: Picture) -> bytes:
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
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _chunks(data: bytes) -> Iterator[Chunk]:
    view, position = memoryview(data), len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + length + 12
        if end > len(data):
            raise UnreadableImage("The PNG image is truncated.")
        if name == b"IEND":
            return
        yield Chunk(name, view[position + 8 : end - 4], view[position:end])
        position = end
    raise UnsupportedImage(f"The PNG image has more than {MAX_CHUNKS} chunks.")


def _check_stream(data: bytes, chunks: list[Chunk]) -> None:
    """Inflate the pixels once, cheaply, into just their size: libpng would go on without end."""
    size = _stream_size(data[len(SIGNATURE) + 8 :])
    stream = b"".join(chunk.body for chunk in chunks if chunk.name == b"IDAT")
    if len(imagecodecs.deflate_decode(stream, out=size + SLACK)) < size:
        raise UnreadableImage("The PNG image is truncated.")


def _stream_size(header: bytes) -> int:
    """Bytes of the filtered rows that an IHDR declares: one for the filter, then samples."""
    width, height, depth, colour_type, _, _, interlaced = struct.unpack_from(">IIBBBBB", header)
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    size = 0
    for left, top, across, down in _ADAM7 if interlaced else [(0, 0, 1, 1)]:
        columns, rows = -((left - width) // across), -((top - height) // down)
        if columns > 0:
            size += rows * (1 + (columns * bits + 7) // 8)
    return size


def _is_grey(palette: memoryview) -> bool:
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def _metadata(chunks: list[Chunk]) -> Metadata:
    icc = exif = xmp = dpi = None
    colour, native = [], []
    for name, body, whole in chunks:
        if name in _PIXELS or not _is_sound(whole):
            continue
        if name == b"iCCP" and icc is None:
            icc = inflate(body[bytes(body[:80]).find(b"\0") + 2 :])
        elif name == b"eXIf":
            exif = bytes(body).removeprefix(b"Exif\0\0")
        elif name == b"pHYs" and len(body) == 9 and body[8] == 1:
            across, down = struct.unpack_from(">II", body)
            dpi = (across * METRE, down * METRE)
        elif name == b"iTXt" and bytes(body[: len(_XMP)]) == _XMP:
            xmp = _international_text(body[len(_XMP) :]) if xmp is None else xmp
        elif name in _COLOUR:
            colour.append(bytes(whole))
        elif _may_copy(name) and not bytes(body[:22]).startswith(_STALE):
            native.append(bytes(whole))
    return Metadata(
        icc=icc or None,
        exif=exif,
        xmp=xmp or None,
        dpi=dpi,
        colour=tuple(colour),
        native=tuple(native),
    )


def _changes(chunks: list[Chunk], metadata: Metadata, depth: int, colour_type: int) -> Changes:
    names = [chunk.name for chunk in chunks if chunk.name not in _PIXELS]
    carried = len(metadata.colour) + len(metadata.native)
    carried += sum(part is not None for part in (metadata.exif, metadata.xmp, metadata.dpi))
    described = len(names) - names.count(b"iCCP")
    changes = {
        Change.ALPHA: any(chunk.name == b"tRNS" for chunk in chunks),
        Change.COLOURS: colour_type == _PALETTE,
        Change.DEPTH: depth < 8 and colour_type != _PALETTE,
        Change.METADATA: carried < described,
        Change.PROFILE: b"iCCP" in names and metadata.icc is None,
    }
    return those_of(changes)


def _is_sound(chunk: memoryview) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _may_copy(name: bytes) -> bool:
    """Whether the chunk holds true for other pixels; lower-case letters are flags that say so."""
    ancillary, safe_to_copy = name[0] & 32, name[3] & 32
    return bool(ancillary and safe_to_copy and name not in _OWN)


def _international_text(body: memoryview) -> bytes:
    """The text of an iTXt chunk, from its compression flag on."""
    text = bytes(body[2:]).split(b"\0", 2)[-1]
    return inflate(text) if bytes(body[:1]) == b"\1" else text


def _metadata_chunks(picture: Picture) -> Iterator[bytes]:
    metadata = picture.metadata
    if metadata.icc:
        yield write_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if picture.format is Format.PNG:
        yield from metadata.colour
        yield from metadata.native
    if metadata.dpi:
        across, down = (round(dots / METRE) for dots in metadata.dpi)
        yield write_chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if metadata.exif:
        yield write_chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        yield write_chunk(b"iTXt", _XMP + bytes(4) + metadata.xmp)
