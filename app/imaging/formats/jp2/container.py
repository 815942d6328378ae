"""JP2 files, boxes around a codestream (ITU-T T.800, annex I), and similar JPX files."""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from app.imaging.formats.heif.boxes import Box, boxes, boxes_of_file, write_box
from app.imaging.formats.jp2.codestream import START
from app.imaging.formats.jp2.palette import read_palette
from app.imaging.formats.png.metadata import METRE
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import (
    Change,
    Changes,
    Format,
    Metadata,
    Picture,
    UnreadableImage,
    UnsupportedImage,
    those_of,
)
from app.imaging.samples import Samples

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
STRAIGHT, PREMULTIPLIED = 1, 2
"""The types of alpha channels."""
YCC = 18
"""The number of the colour space YCbCr, which is converted to RGB."""

_SRGB, _GREY = 16, 17
_BY_NUMBER, _BY_PROFILE = 1, (2, 3)
_UNSTATED, _ALL = 0xFFFF, 0  # a type, for a channel of no stated meaning; all colours
_STREAM, _HEADERS, _RESOLUTION = b"jp2c", b"jp2h", b"res "
_KEPT = {b"xml ", b"uuid", b"uinf", b"asoc"}
_KNOWN = {b"jP  ", b"ftyp", b"rreq", b"free", b"ihdr", b"bpcc", b"colr", b"cdef", _RESOLUTION}
_KNOWN |= {b"pclr", b"cmap"}
_KNOWN |= {_STREAM, _HEADERS, *_KEPT}
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a file."""

    stream: bytes
    """The codestream, to the end of its box."""
    streams: int = 1
    """The number of codestreams, of which this is the first."""
    space: int = 0
    """The number of the colour space; 0 if none is declared."""
    alpha: int = 0
    """The type of the last channel: STRAIGHT, PREMULTIPLIED, or no alpha."""
    channels: int = 0
    """The number of channels with a stated meaning, which come first."""
    palette: Samples | None = None
    """The colours [number, 3] of 8 bits that samples stand for."""
    metadata: Metadata = field(default_factory=Metadata)
    changes: Changes = frozenset()


def read_file(data: bytes) -> Contents:
    """Split a file, which may be a bare codestream, into its contents.

    Raises UnreadableImage, and UnsupportedImage for rare palettes, inks, and unordered channels.
    """
    if data.startswith(START):
        return Contents(data)
    found, trailer = boxes_of_file(data, {_STREAM})
    streams = [box.body for box in found if box.name == _STREAM]
    if not streams:
        raise UnreadableImage("The JPEG 2000 file contains no image.")
    headers = [box.body for box in found if box.name == _HEADERS]
    inner = list(boxes(headers[0])) if headers else []  # an optional box
    space, icc = _colours([box.body for box in inner if box.name == b"colr"])
    alpha, channels = _channels([box.body for box in inner if box.name == b"cdef"])
    lost = len(headers) > 1 or any(box.name not in _KNOWN for box in (*found, *inner))
    return Contents(
        stream=streams[0],
        streams=len(streams),
        space=space,
        alpha=alpha,
        channels=channels,
        palette=read_palette({box.name: box.body for box in inner}),
        metadata=replace(_metadata((*found, *inner)), icc=icc, dpi=_dpi(inner)),
        changes=those_of({Change.METADATA: lost}) | in_trailer(trailer),
    )


def _metadata(found: Iterable[Box]) -> Metadata:
    """Return EXIF, XMP and further metadata in boxes."""
    exif = xmp = None
    native = []
    for box in found:
        if box.name == b"uuid" and box.body.startswith(_XMP) and xmp is None:
            xmp = box.body[len(_XMP) :]
        elif box.name == b"uuid" and box.body.startswith(_EXIF) and exif is None:
            exif = box.body[len(_EXIF) :]
        elif box.name in _KEPT:
            native.append(write_box(*box))
    return Metadata(exif=exif or None, xmp=xmp or None, native=tuple(native))


def write_file(stream: bytes, bits: int, picture: Picture) -> bytes:
    """Return a file around a codestream of a picture with the given bits per sample."""
    metadata = picture.metadata
    has_more = picture.last_channel is not None
    count = picture.channels + has_more
    sizes = struct.pack(">IIHBBBB", picture.height, picture.width, count, bits - 1, 7, 0, 0)
    inner = [write_box(b"ihdr", sizes), write_box(b"colr", _written_colours(picture))]
    if has_more:
        kinds = [(n, 0, n + 1) for n in range(picture.channels)]
        further = (_UNSTATED, _UNSTATED) if picture.alpha is None else (STRAIGHT, _ALL)
        kinds.append((picture.channels, *further))
        numbers = b"".join(struct.pack(">3H", *each) for each in kinds)
        inner.append(write_box(b"cdef", struct.pack(">H", count), numbers))
    if metadata.dpi:
        inner.append(write_box(_RESOLUTION, write_box(b"resc", _resolution(metadata.dpi))))
    parts = [SIGNATURE, write_box(b"ftyp", b"jp2 ", bytes(4), b"jp2 "), write_box(_HEADERS, *inner)]
    if metadata.exif:
        parts.append(write_box(b"uuid", _EXIF, metadata.exif))
    if metadata.xmp:
        parts.append(write_box(b"uuid", _XMP, metadata.xmp))
    if picture.format is Format.JP2:
        parts += metadata.native
    return b"".join((*parts, write_box(_STREAM, stream)))


def _colours(stated: list[bytes]) -> tuple[int, bytes | None]:
    """Return the number of the first known colour space, and a profile."""
    for body in stated:
        if body[0] in _BY_PROFILE:
            return 0, body[3:]
        number = int.from_bytes(body[3:7], "big")
        if body[0] == _BY_NUMBER and number in (_SRGB, _GREY, YCC):
            return number, None
    if stated:
        raise UnsupportedImage(
            "The JPEG 2000 image has colours other than grey, RGB or YCbCr; convert it to PNG or "
            "TIFF."
        )
    return 0, None


def _dpi(found: Iterable[Box]) -> tuple[float, float] | None:
    """Return the first resolution in boxes, which have pixels per metre, vertical first."""
    resolutions = [each for box in found if box.name == _RESOLUTION for each in boxes(box.body)]
    if not resolutions:
        return None
    *terms, down, across = struct.unpack_from(">4H2b", resolutions[0].body)
    if not all(terms):
        return None
    return (
        terms[2] / terms[3] * 10.0**across * METRE,
        terms[0] / terms[1] * 10.0**down * METRE,
    )


def _resolution(dpi: tuple[float, float]) -> bytes:
    """Return the resolution as the contents of a box: fractions with powers of ten."""
    across, down = (_fraction(dots / METRE) for dots in dpi)
    return struct.pack(">4H2b", *down[:2], *across[:2], down[2], across[2])


def _fraction(number: float) -> tuple[int, int, int]:
    """Return numerator, denominator, and exponent of ten, as precise as 16 bits allow."""
    exponent = math.ceil(math.log10(number / 0xFFFF))
    return round(number / 10.0**exponent), 1, exponent


def _channels(stated: list[bytes]) -> tuple[int, int]:
    """Return the type of the last channel, and the number of channels with a stated meaning."""
    if not stated:
        return 0, 0
    kinds = sorted(struct.iter_unpack(">3H", stated[0][2:]))
    alphas = [number for number, kind, _ in kinds if kind in (STRAIGHT, PREMULTIPLIED)]
    colours = [(number, place) for number, kind, place in kinds if kind == 0]
    is_ordered = all(place in (number + 1, _ALL, _UNSTATED) for number, place in colours)
    is_ordered &= [number for number, *_ in kinds] == list(range(len(kinds)))
    if alphas not in ([], [len(kinds) - 1]) or not is_ordered:
        raise UnsupportedImage("The JPEG 2000 image has its channels in another order.")
    return kinds[-1][1] if alphas else 0, len(kinds)


def _written_colours(picture: Picture) -> bytes:
    if picture.metadata.icc:
        return bytes([_BY_PROFILE[0], 0, 0]) + picture.metadata.icc
    space = _GREY if picture.channels == 1 else _SRGB
    return bytes([_BY_NUMBER, 0, 0]) + space.to_bytes(4, "big")
