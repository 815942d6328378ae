"""Read a PNG into a picture."""

import struct

import imagecodecs
import numpy as np

from app.imaging.formats.png.chunks import SIGNATURE, Chunk, is_sound, read_chunks, write_chunk
from app.imaging.formats.png.head import CHANNELS, PALETTE, Head, read_head
from app.imaging.formats.png.metadata import read_changes, read_metadata
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import Change, Format, Header, Picture, UnreadableImage
from app.imaging.samples import deinterleave
from app.imaging.stack import Stack

SLACK = 2**16
"""Maximum bytes after the pixels in their stream."""
LONGEST_CHUNK = 2**30
"""Bytes per written chunk, of which the format allows fewer than 2**31."""


def read_header(data: bytes) -> Header:
    """Read the IHDR chunk and, for an animation, the number of frames.

    The still image counts as a frame only if an fcTL chunk precedes it.
    """
    chunks, frames, is_frame = read_chunks(data), 0, False
    head = read_head(next(chunks))
    for chunk in chunks:
        if chunk.name == b"acTL":
            frames = struct.unpack_from(">I", chunk.body)[0]
        is_frame |= chunk.name == b"fcTL"
        if chunk.name == b"IDAT":
            break
    if frames and not is_frame:
        frames += any(chunk.name == b"fdAT" for chunk in chunks)
    return Header(Format.PNG, head.width, head.height, Stack(max(1, frames)))


def decode(data: bytes) -> Picture:
    """Decode any kind of PNG; palettes and fewer than 8 bits become 8-bit grey or RGB."""
    *chunks, last = read_chunks(data)
    size = len(SIGNATURE) + sum(len(chunk.whole) for chunk in (*chunks, last))
    head = read_head(chunks[0])
    palette, transparency = _palette(head, chunks), _transparency(head, chunks)
    samples = imagecodecs.png_decode(_rebuild(head, palette, transparency, _rows(head, chunks)))
    pixels, alpha = deinterleave(samples)
    if palette and _is_grey(palette):
        pixels = np.ascontiguousarray(pixels[..., :1])
    metadata = read_metadata(chunks)
    changes = read_changes(chunks, metadata, head)
    changes |= in_trailer(data[size:]) if last.name else {Change.END}
    return Picture(pixels, alpha, Format.PNG, metadata, changes)


def _rows(head: Head, chunks: list[Chunk]) -> bytes:
    """Return the filtered rows of all passes, in an uncompressed zlib stream."""
    packed = [chunk for chunk in chunks if chunk.name == b"IDAT"]
    if not all(is_sound(chunk.whole) for chunk in packed):
        raise UnreadableImage("The PNG image is damaged.")
    stream, size = b"".join(chunk.body for chunk in packed), head.stream_size
    rows = bytes(imagecodecs.deflate_decode(stream, out=size + SLACK))[:size]
    if len(rows) < size:
        raise UnreadableImage("The PNG image is truncated.")
    return bytes(imagecodecs.deflate_encode(rows, level=0))


def _palette(head: Head, chunks: list[Chunk]) -> bytes:
    """Return the palette; empty if pixels are no indices."""
    if head.colour_type != PALETTE:
        return b""
    palette = _before_pixels(chunks, b"PLTE")
    if not palette or len(palette) % 3:
        raise UnreadableImage("The palette of the PNG image is missing or damaged.")
    return palette[: 3 << head.depth]


def _transparency(head: Head, chunks: list[Chunk]) -> bytes:
    """Return the opacity of the colours of the palette, or the transparent colour."""
    transparency = _before_pixels(chunks, b"tRNS")
    match head.colour_type:
        case 0 | 2:
            fits = len(transparency) == 2 * CHANNELS[head.colour_type]
        case _:
            fits = head.colour_type == PALETTE and len(transparency) <= 256
    return transparency if fits else b""


def _before_pixels(chunks: list[Chunk], name: bytes) -> bytes:
    """Return the contents of the first chunk of a name, ignoring chunks after the pixels."""
    names = [chunk.name for chunk in chunks]
    place = names.index(name) if name in names else len(names)
    if place > (names.index(b"IDAT") if b"IDAT" in names else 0):
        return b""
    if not is_sound(chunks[place].whole):
        raise UnreadableImage("The PNG image is damaged.")
    return bytes(chunks[place].body)


def _rebuild(head: Head, palette: bytes, transparency: bytes, rows: bytes) -> bytes:
    """Return a new file, built from what has been read."""
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
