"""TIFF out: strips of Deflate after a predictor, and a directory that keeps what it was given."""

import struct
from fractions import Fraction

import imagecodecs
import numpy as np

from app.imaging import ifd
from app.imaging.picture import Metadata, Picture
from app.imaging.samples import interleave
from app.imaging.tags import FILE_TAGS, Compression, Photometric, Predictor, SampleFormat, Tag

STRIP_BYTES = 2**18  # before compression
LEVEL = 1  # benchmarks/codecs.py: level 6 takes five times as long to save an eighth

_UNSPECIFIED, _UNASSOCIATED_ALPHA = 0, 2
_INCH = 2
_FORMATS = {"u": SampleFormat.UNSIGNED, "i": SampleFormat.SIGNED, "f": SampleFormat.FLOAT}


def encode(picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG001
    """Encode at the picture's own depth and, if it came with EXIF, in that block's byte order."""
    order, fields = _described(picture.metadata)
    rows = max(1, STRIP_BYTES // (picture.width * picture.pixels[0, 0].nbytes))
    strips = [
        _strip(picture, slice(top, top + rows), order) for top in range(0, picture.height, rows)
    ]
    start = len(ifd.header(order, 0))
    ends = start + np.cumsum([len(strip) for strip in strips])
    fields |= _pixel_fields(picture, order, rows)
    fields[Tag.STRIP_OFFSETS] = ifd.integers(order, ifd.LONG, start, *ends[:-1].tolist())
    fields[Tag.STRIP_COUNTS] = ifd.integers(order, ifd.LONG, *map(len, strips))
    padding = bytes(int(ends[-1]) % 2)
    position = int(ends[-1]) + len(padding)
    directory = ifd.pack(fields, order, position)
    return b"".join([ifd.header(order, position), *strips, padding, directory])


def _strip(picture: Picture, rows: slice, order: ifd.ByteOrder) -> bytes:
    further = picture.extra if picture.alpha is None else picture.alpha
    block = interleave(picture.pixels[rows], None if further is None else further[rows])
    if picture.dtype.kind == "f":
        differences = imagecodecs.floatpred_encode(block, axis=1)
    else:
        differences = imagecodecs.delta_encode(block.view(f"u{block.itemsize}"), axis=1)
        differences = differences.astype(differences.dtype.newbyteorder(order))
    return bytes(imagecodecs.deflate_encode(differences.tobytes(), level=LEVEL))


def _pixel_fields(picture: Picture, order: ifd.ByteOrder, rows: int) -> ifd.Tree:
    is_float = picture.dtype.kind == "f"
    further = picture.alpha is not None or picture.extra is not None
    channels = picture.channels + further
    photometric = Photometric.RGB if picture.channels == 3 else Photometric.BLACK_IS_ZERO
    sample_format = _FORMATS[picture.dtype.kind]
    shorts: dict[int, list[int]] = {
        Tag.BITS: [picture.depth] * channels,
        Tag.COMPRESSION: [Compression.DEFLATE],
        Tag.PHOTOMETRIC: [photometric],
        Tag.SAMPLES: [channels],
        Tag.PREDICTOR: [Predictor.FLOAT if is_float else Predictor.DIFFERENCES],
        Tag.SAMPLE_FORMAT: [sample_format] * channels,
    }
    if further:
        shorts[Tag.EXTRA_SAMPLES] = [_UNSPECIFIED if picture.alpha is None else _UNASSOCIATED_ALPHA]
    longs: dict[int, list[int]] = {
        Tag.WIDTH: [picture.width],
        Tag.HEIGHT: [picture.height],
        Tag.ROWS_PER_STRIP: [rows],
    }
    fields: ifd.Tree = {tag: ifd.integers(order, ifd.SHORT, *shorts[tag]) for tag in shorts}
    return fields | {tag: ifd.integers(order, ifd.LONG, *longs[tag]) for tag in longs}


def _described(metadata: Metadata) -> tuple[ifd.ByteOrder, ifd.Tree]:
    """The byte order and the fields that metadata asks for."""
    order: ifd.ByteOrder = "<"
    fields: ifd.Tree = {}
    if metadata.exif:
        try:
            first = next(ifd.directories(metadata.exif))
            order, fields = first.order, ifd.tree(first, without=FILE_TAGS)
        except (ValueError, struct.error, StopIteration):
            pass  # damaged EXIF is left behind
    if metadata.dpi:
        fields[Tag.RESOLUTION_UNIT] = ifd.integers(order, ifd.SHORT, _INCH)
        for tag, dots in zip((Tag.X_RESOLUTION, Tag.Y_RESOLUTION), metadata.dpi, strict=True):
            fields[tag] = ifd.rational(order, Fraction(dots).limit_denominator(10_000))
    if metadata.icc:
        fields[Tag.ICC] = ifd.Field(ifd.UNDEFINED, len(metadata.icc), metadata.icc)
    if metadata.xmp:
        fields[Tag.XMP] = ifd.Field(ifd.BYTE, len(metadata.xmp), metadata.xmp)
    return order, fields
