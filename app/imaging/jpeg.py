"""JPEG: segments of our own reading and writing, pixels by libjpeg-turbo.

The decoder is given the segments that make up the pixels and no others. Markers are those of
ITU-T T.81, table B.1; application segments those of JFIF, Exif, XMP part 3, and ICC.1 annex B.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import imagecodecs
import numpy as np

from app.imaging.picture import (
    Change,
    Changes,
    Format,
    Header,
    Metadata,
    Picture,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.samples import cmyk_to_rgb, deinterleave, interleave, to_uint8

SIGNATURE = b"\xff\xd8\xff"
MAX_SIDE = 65_500
MAX_BODY = 65_533  # bytes in a segment
MAX_SEGMENTS = 10_000
MAX_SCANS = 50  # each costs a pass over all pixels, and takes few bytes; encoders write about 10
DEFAULT_QUALITY = 95

_EOI, _SOS = 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP13, _APP14, _COM = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
_DESCRIBING = (*range(_APP0, 0xF0), _COM)
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_TABLES = (0xC4, 0xDB, 0xDD)  # Huffman, quantisation, restart interval

_JFIF, _EXIF, _ICC = b"JFIF\0", b"Exif\0\0", b"ICC_PROFILE\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_JFIF_END = 20  # of the segment that the encoder puts first
_JFIF_BODY = 14  # bytes without a thumbnail

_MAX_EXIF, _MAX_XMP = MAX_BODY - len(_EXIF), MAX_BODY - len(_XMP)
_ICC_PART = MAX_BODY - len(_ICC) - 2  # bytes of a profile in one segment
_MAX_ICC = 255 * _ICC_PART

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # not stuffing, padding or a restart


@dataclass(frozen=True, slots=True)
class Frame:
    """The start of frame, and the segments before the first scan, each as (marker, body)."""

    width: int
    height: int
    components: int
    segments: list[tuple[int, bytes]] = field(repr=False)
    scan: int  # offset of the first scan's marker


def read_header(data: bytes) -> Header:
    """Read up to the first scan."""
    frame = read_frame(data)
    return Header(Format.JPEG, frame.width, frame.height)


def read_frame(data: bytes) -> Frame:
    """Read the segments before the first scan; those of an embedded JPEG stream, too."""
    segments: list[tuple[int, bytes]] = []
    for marker, start, end in _walk(data, 2):
        segments.append((marker, data[start:end]))
        if marker == _SOS:
            return _frame(segments[:-1], start - 4)
    raise UnreadableImage("The JPEG image ends before its pixels begin.")


def decode(data: bytes) -> Picture:
    """Decode grey, YCbCr or RGB, and CMYK or YCCK, which become RGB."""
    frame = read_frame(data)
    shape = [_segment(marker, body) for marker, body in frame.segments if _shapes(marker, body)]
    stream = b"".join([SIGNATURE[:2], *shape, data[frame.scan : find_end(data, frame.scan)]])
    samples = imagecodecs.jpeg8_decode(stream)
    metadata, changes = _metadata(frame.segments), _changes(frame)
    if frame.components == 4:
        # Adobe's programs, which sign theirs, store the absence of ink
        adobe = any(marker == _APP14 for marker, _ in frame.segments)
        samples = cmyk_to_rgb(np.invert(samples) if adobe else samples, metadata.icc)
    return Picture(*deinterleave(samples), Format.JPEG, metadata, changes)


def find_end(data: bytes, scan: int) -> int:
    """The offset behind the end of the image whose first scan begins at `scan`."""
    scans = 0
    for marker, _, end in _walk(data, scan):
        scans += marker == _SOS
        if scans > MAX_SCANS:
            raise UnsupportedImage(f"The JPEG image has more than {MAX_SCANS} scans.")
        if marker == _EOI:
            return end
    raise UnreadableImage("The JPEG image is truncated.")


def is_tables(data: bytes) -> bool:
    """Whether a stream holds nothing but tables, for other streams to use."""
    return all(marker in (*_TABLES, _EOI) for marker, _, _ in _walk(data, 2))


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode at 8 bits; colour keeps its resolution at qualities of 90 and more.

    Raises `UnsuitableFormat` for transparency and for a side over 65 500 pixels.
    """
    if picture.alpha is not None and (to_uint8(picture.alpha) < 255).any():
        raise UnsuitableFormat("JPEG cannot hold transparency; ask for png, webp or tiff.")
    if max(picture.width, picture.height) > MAX_SIDE:
        raise UnsuitableFormat(f"JPEG holds at most {MAX_SIDE} pixels a side; ask for png or tiff.")
    quality = DEFAULT_QUALITY if quality is None else quality
    samples = to_uint8(interleave(picture.pixels, None))
    sampling = "444" if quality >= 90 else "420"
    jpeg = imagecodecs.jpeg8_encode(samples, level=quality, subsampling=sampling)
    head = _JFIF_END if jpeg[2:4] == b"\xff\xe0" else 2
    return b"".join([SIGNATURE[:2], *_metadata_segments(picture), jpeg[head:]])


def too_long(metadata: Metadata) -> Iterator[Change]:
    """What is left out because its segments would be too long, or too many."""
    if len(metadata.exif or b"") > _MAX_EXIF or len(metadata.xmp or b"") > _MAX_XMP:
        yield Change.METADATA
    if len(metadata.icc or b"") > _MAX_ICC:
        yield Change.PROFILE


def _walk(data: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """Each marker from `position` on, and where its body starts and ends."""
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, position)
        if found is None:
            return
        marker, position = found[0][1], found.end()
        if marker == _EOI:
            yield marker, position, position
            return
        (length,) = struct.unpack_from(">H", data, position)
        yield marker, position + 2, position + length
        position += length


def _frame(segments: list[tuple[int, bytes]], scan: int) -> Frame:
    frames = [body for marker, body in segments if marker in _FRAMES]
    if any(marker in _OTHER_FRAMES for marker, _ in segments):
        raise UnsupportedImage("The JPEG image is lossless, arithmetic-coded or hierarchical.")
    if len(frames) != 1:
        raise UnreadableImage("The JPEG image has no header, or several.")
    precision, height, width, components = struct.unpack_from(">BHHB", frames[0])
    if precision != 8 or components not in (1, 3, 4):
        raise UnsupportedImage(f"A JPEG of {components} x {precision} bits is not supported.")
    return Frame(width, height, components, segments, scan)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _shapes(marker: int, body: bytes) -> bool:
    """Whether the decoder needs the segment; JFIF and Adobe tell it the colour space."""
    signs = (marker == _APP0 and body.startswith(_JFIF)) or (marker == _APP14)
    return signs or marker in _FRAMES or marker in _TABLES


def _changes(frame: Frame) -> Changes:
    """Inks become RGB; a segment that is neither pixels nor metadata of a known kind is left."""
    changes = {Change.COLOURS} if frame.components == 4 else set()
    known = [_carried(*segment) for segment in frame.segments if segment[0] in _DESCRIBING]
    repeated = [kind for kind in known if kind in (_EXIF, _XMP)]
    if None in known or len(repeated) > len(set(repeated)):
        changes.add(Change.METADATA)
    return frozenset(changes)


def _carried(marker: int, body: bytes) -> bytes | None:
    """The kind of a segment whose contents the answer will have; None where it will not."""
    if marker in (_APP13, _APP14, _COM):
        return b""
    if marker == _APP0 and body.startswith(_JFIF) and len(body) <= _JFIF_BODY:
        return _JFIF
    kinds = {_APP1: (_EXIF, _XMP), _APP2: (_ICC,)}.get(marker, ())
    return next((kind for kind in kinds if body.startswith(kind)), None)


def _metadata(segments: list[tuple[int, bytes]]) -> Metadata:
    exif = xmp = dpi = None
    profile: dict[int, bytes] = {}
    native = []
    for marker, body in segments:
        if marker == _APP0 and body.startswith(_JFIF) and len(body) >= 12:
            dpi = _density(body)
        elif marker == _APP1 and body.startswith(_EXIF):
            exif = exif or body.removeprefix(_EXIF)
        elif marker == _APP1 and body.startswith(_XMP):
            xmp = xmp or body.removeprefix(_XMP)
        elif marker == _APP2 and body.startswith(_ICC) and len(body) > 14:
            profile[body[12]] = body[14:]
        elif marker in (_APP13, _COM):  # IPTC, and a plain comment
            native.append(_segment(marker, body))
    icc = b"".join(part for _, part in sorted(profile.items())) or None
    return Metadata(icc=icc, exif=exif, xmp=xmp, dpi=dpi, native=tuple(native))


def _density(jfif: bytes) -> tuple[float, float] | None:
    unit, across, down = struct.unpack_from(">BHH", jfif, 7)
    inch = {1: 1.0, 2: 2.54}.get(unit)
    return (across * inch, down * inch) if inch and across and down else None


def _metadata_segments(picture: Picture) -> Iterator[bytes]:
    metadata = picture.metadata
    dots = [round(value) for value in metadata.dpi or ()]
    unit, across, down = (1, *dots) if dots and max(dots) < 2**16 else (0, 1, 1)
    yield _segment(_APP0, _JFIF + struct.pack(">BBBHHBB", 1, 1, unit, across, down, 0, 0))
    if metadata.exif and len(metadata.exif) <= _MAX_EXIF:
        yield _segment(_APP1, _EXIF + metadata.exif)
    if metadata.xmp and len(metadata.xmp) <= _MAX_XMP:
        yield _segment(_APP1, _XMP + metadata.xmp)
    if metadata.icc and len(metadata.icc) <= _MAX_ICC:
        starts = range(0, len(metadata.icc), _ICC_PART)
        for number, start in enumerate(starts, start=1):
            part = metadata.icc[start : start + _ICC_PART]
            yield _segment(_APP2, _ICC + bytes([number, len(starts)]) + part)
    if picture.format is Format.JPEG:
        yield from metadata.native
