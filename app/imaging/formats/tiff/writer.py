"""Write TIFF: strips of Deflate after a predictor, and a directory with the tags of the
original.
"""

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import imagecodecs
import numpy as np

from app.imaging import ifd
from app.imaging.formats.tiff.layout import STRAIGHT, UNSPECIFIED
from app.imaging.picture import Format, Metadata, Picture, UnsuitableFormat
from app.imaging.samples import Samples, interleave, inverted
from app.imaging.stack import STILL
from app.imaging.tags import FILE_TAGS, Compression, Photometric, Predictor, SampleFormat, Tag

STRIP_BYTES = 2**18  # before compression
LARGEST = 2**32 - 2**28  # maximum bytes of all strips, which leaves room for the directories
LEVEL = 1  # benchmarks/codecs.py: level 6 takes five times as long to save an eighth

_INCH = 2
_OF_EACH_PAGE = {Tag.ICC, Tag.RESOLUTION_UNIT, Tag.X_RESOLUTION, Tag.Y_RESOLUTION, Tag.ORIENTATION}
_FORMATS = {"u": SampleFormat.UNSIGNED, "i": SampleFormat.SIGNED, "f": SampleFormat.FLOAT}


def encode(picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG001
    """Encode at the depth of the picture, and in the byte order of its EXIF, if any.

    A picture read from a TIFF in which white is 0, in all or some pages, is written alike. Each
    frame is a page; all strips come first, then the directories. Raises `UnsuitableFormat` for more
    than a TIFF of 32-bit offsets can hold.
    """
    if picture.metadata.bands:
        picture = _of_one_page(picture)
    order, described = _described(picture.metadata)
    pages = _pages(picture, order, described)
    rows = max(1, STRIP_BYTES // (picture.width * picture.pixels[0, 0].nbytes))
    pixel_fields = _pixel_fields(picture, order, rows)
    strips: list[bytes] = []
    position = len(ifd.header(order, 0))
    for number, fields in enumerate(pages):
        is_negative = _is_negative(picture, fields, order)
        page = [
            _strip(picture, number, slice(top, top + rows), order, is_negative=is_negative)
            for top in range(0, picture.height, rows)
        ]
        ends = position + np.cumsum([len(strip) for strip in page])
        fields |= pixel_fields
        if is_negative:
            fields[Tag.PHOTOMETRIC] = ifd.integers(order, ifd.SHORT, Photometric.WHITE_IS_ZERO)
        fields[Tag.STRIP_OFFSETS] = ifd.integers(order, ifd.LONG, position, *ends[:-1].tolist())
        fields[Tag.STRIP_COUNTS] = ifd.integers(order, ifd.LONG, *map(len, page))
        strips += page
        position = int(ends[-1])
        if position > LARGEST:
            raise UnsuitableFormat("The image is too large for a TIFF.")
    strips.append(bytes(position % 2))
    position += position % 2
    header = ifd.header(order, position)
    directories: list[bytes] = []
    for number, fields in enumerate(pages, 1):
        directories.append(ifd.pack(fields, order, position, is_last=number == len(pages)))
        position += len(directories[-1])
    return b"".join([header, *strips, *directories])


def _of_one_page(picture: Picture) -> Picture:
    """Return a view of bands, which are frames, as channels of a single frame.

    Its metadata describe the bands that are present: alpha may have been left out.
    """
    photometric, *meant = picture.metadata.bands
    if picture.alpha is None:
        meant = [each for each in meant if each != STRAIGHT]
    frames = picture.pixels.reshape(picture.stack.frames, picture.height, picture.width)
    return replace(
        picture,
        pixels=np.moveaxis(frames, 0, -1),
        alpha=None if picture.alpha is None else picture.alpha[: picture.height],
        metadata=replace(picture.metadata, bands=(photometric, *meant)),
        stack=STILL,
    )


def _pages(picture: Picture, order: ifd.ByteOrder, first: ifd.Tree) -> list[ifd.Tree]:
    """Return the descriptive fields of each page; the first has those of the whole image."""
    count, native = picture.stack.frames, picture.metadata.native
    if picture.format is not Format.TIFF or len(native) != count:  # from another format
        native = (b"",) * count
    shared: ifd.Tree = {tag: first[tag] for tag in _OF_EACH_PAGE & first.keys()}
    own = [_tree(each, order) for each in native]
    return [own[0] | first, *(shared | each for each in own[1:])]


def _tree(described: bytes, order: ifd.ByteOrder) -> ifd.Tree:
    if not described:
        return {}
    directory = next(ifd.directories(described))
    return ifd.tree(directory) if directory.order == order else {}


def _strip(
    picture: Picture, frame: int, rows: slice, order: ifd.ByteOrder, *, is_negative: bool
) -> bytes:
    further = picture.last_channel
    whole = slice(frame * picture.height, (frame + 1) * picture.height)
    colours = picture.pixels[whole][rows]
    if is_negative:
        colours = inverted(colours)
    block = interleave(colours, None if further is None else further[whole][rows])
    if picture.metadata.bands and further is not None:
        _, *meant = picture.metadata.bands
        block = _with_alpha_at(meant.index(STRAIGHT) - len(meant), block)
    if picture.dtype.kind == "f":
        differences = imagecodecs.floatpred_encode(block, axis=1)
    else:
        differences = imagecodecs.delta_encode(block.view(f"u{block.itemsize}"), axis=1)
        differences = differences.astype(differences.dtype.newbyteorder(order))
    return bytes(imagecodecs.deflate_encode(differences.tobytes(), level=LEVEL))


def _with_alpha_at(place: int, block: Samples) -> Samples:
    """Move the last channel to where it was among the others, counted from the end."""
    places = list(range(block.shape[-1] - 1))
    places.insert(len(places) + 1 + place, block.shape[-1] - 1)
    return np.ascontiguousarray(block[..., places])


def _is_negative(picture: Picture, fields: ifd.Tree, order: ifd.ByteOrder) -> bool:
    """Return whether white is 0 in a page of these fields."""
    if picture.format is not Format.TIFF:
        return False
    own = fields.get(Tag.PHOTOMETRIC)
    white = ifd.integers(order, ifd.SHORT, Photometric.WHITE_IS_ZERO)
    said = isinstance(own, ifd.Field) and bytes(own.value) == white.value
    return picture.metadata.negative is not None or said


def _pixel_fields(picture: Picture, order: ifd.ByteOrder, rows: int) -> ifd.Tree:
    is_float = picture.dtype.kind == "f"
    further = picture.last_channel is not None
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
        shorts[Tag.EXTRA_SAMPLES] = [UNSPECIFIED if picture.alpha is None else STRAIGHT]
    if picture.metadata.bands:
        colours, *meant = picture.metadata.bands
        shorts |= {Tag.PHOTOMETRIC: [colours], Tag.EXTRA_SAMPLES: meant}
    longs: dict[int, list[int]] = {
        Tag.WIDTH: [picture.width],
        Tag.HEIGHT: [picture.height],
        Tag.ROWS_PER_STRIP: [rows],
    }
    fields: ifd.Tree = {tag: ifd.integers(order, ifd.SHORT, *shorts[tag]) for tag in shorts}
    return fields | {tag: ifd.integers(order, ifd.LONG, *longs[tag]) for tag in longs}


def _described(metadata: Metadata) -> tuple[ifd.ByteOrder, ifd.Tree]:
    """Return the byte order and the fields for the metadata."""
    order: ifd.ByteOrder = "<"
    fields: ifd.Tree = {}
    first = ifd.first_directory(metadata.exif or b"")
    if first is not None:
        with suppress(ValueError):  # damaged EXIF is dropped
            order, fields = first.order, ifd.tree(first, without=FILE_TAGS)
    if metadata.dpi:
        fields[Tag.RESOLUTION_UNIT] = ifd.integers(order, ifd.SHORT, _INCH)
        for tag, dots in zip((Tag.X_RESOLUTION, Tag.Y_RESOLUTION), metadata.dpi, strict=True):
            fields[tag] = ifd.rational(order, Fraction(dots).limit_denominator(10_000))
    if metadata.icc:
        fields[Tag.ICC] = ifd.Field(ifd.UNDEFINED, len(metadata.icc), metadata.icc)
    if metadata.xmp:
        fields[Tag.XMP] = ifd.Field(ifd.BYTE, len(metadata.xmp), metadata.xmp)
    return order, fields
