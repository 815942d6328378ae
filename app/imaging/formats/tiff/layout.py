"""How a TIFF directory stores its samples, read and checked once for all decoding.

Every field must be of a type that TIFF 6.0 allows for it, and every list of the required length.
Anything else is refused before it is read.
"""

import math
from collections.abc import Container
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.imaging import ifd
from app.imaging.formats.jpeg.segments import read_tables
from app.imaging.formats.tiff.no_data import no_data
from app.imaging.formats.tiff.words import COLOURS, NUMBERS, PACKING, REFUSED, counted
from app.imaging.picture import TooManyPixels, UnreadableImage, UnsupportedImage
from app.imaging.tags import PIXEL_TAGS, Compression, Photometric, Predictor, SampleFormat, Tag

MAX_SEGMENTS = 65_536
MIN_TILE = 2**20  # pixels that any tile may have, however small the picture
MIN_PIXELS = 2**25  # pixels that all tiles together may have in any picture
MIN_SAMPLES = 2**27  # samples that they may have
MAX_BANDS = 512  # channels of one page
MAX_TABLES = 2**14  # bytes of the JPEG tables, which each segment gets; all there may be take 5,000
MAX_EXCESS = 2  # maximum ratio of pixels in segments to those of the picture

_CHANNELS = {Photometric.RGB: 3, Photometric.CMYK: 4, Photometric.YCBCR: 3}  # of colour; else 1
# TIFF 6.0, section 2: readers should take any of these for an unsigned integer
_UNSIGNED = (ifd.BYTE, ifd.SHORT, ifd.LONG)
_OPAQUE = (ifd.BYTE, ifd.UNDEFINED)
_LISTS = frozenset(
    {
        *(Tag.BITS, Tag.SAMPLE_FORMAT, Tag.EXTRA_SAMPLES, Tag.PALETTE, Tag.CHROMA_SUBSAMPLING),
        *(Tag.STRIP_OFFSETS, Tag.STRIP_COUNTS, Tag.TILE_OFFSETS, Tag.TILE_COUNTS, Tag.JPEG_TABLES),
    }
)
_FAX = (Compression.FAX_RLE, Compression.FAX3, Compression.FAX4)
IN_JPEG_2000 = (Compression.JPEG_2000, Compression.JPEG_2000_RGB)
IMAGES = (Compression.JPEG, Compression.WEBP, *IN_JPEG_2000)
"""Compressions whose segments are images of another format."""
_PREDICTED = (Compression.LZW, Compression.DEFLATE, Compression.OLD_DEFLATE, Compression.ZSTD)
_BANDED = (Photometric.BLACK_IS_ZERO, Photometric.RGB)
_LETTERS = {SampleFormat.UNSIGNED: "u", SampleFormat.SIGNED: "i", SampleFormat.FLOAT: "f"}
UNSPECIFIED, PREMULTIPLIED, STRAIGHT = 0, 1, 2  # types of extra channels
_LSB_FIRST = 2  # a fill order
E = TypeVar("E", bound=IntEnum)


@dataclass(frozen=True, slots=True)
class Layout:
    """The number and type of samples, their segments, and the packing of these."""

    order: ifd.ByteOrder
    width: int
    height: int
    bits: int
    channels: int
    colours: int
    """The number of colour channels, which come first."""
    alpha: int
    """The type of the only other channel: UNSPECIFIED, PREMULTIPLIED or STRAIGHT."""
    bands: tuple[int, ...]
    """The types of the other channels, if there are several."""
    format: SampleFormat
    photometric: Photometric
    compression: Compression
    predictor: Predictor
    reversed_bits: bool
    fax_options: int
    planar: bool
    segment_width: int
    segment_height: int
    offsets: NDArray[Any] = field(repr=False)
    counts: NDArray[Any] = field(repr=False)
    palette: NDArray[Any] = field(repr=False)  # reds, then greens, then blues
    jpeg_tables: tuple[bytes, ...] = field(repr=False)
    no_data: float | None = None
    """The number that stands for no data, if it is stated."""

    @property
    def sample_type(self) -> np.dtype[Any]:
        """The type of samples in memory, rounded up to 1, 2, 4 or 8 bytes."""
        size = next(size for size in (1, 2, 4, 8) if 8 * size >= self.bits)
        return np.dtype(f"{_LETTERS[self.format]}{size}")

    @property
    def depth(self) -> int:
        """Channels per segment."""
        return 1 if self.planar else self.channels

    @property
    def row_bytes(self) -> int:
        """Bytes per row of a decompressed segment; rows are padded to whole bytes."""
        return (self.segment_width * self.depth * self.bits + 7) // 8


def check_fields(page: ifd.Directory, tags: Container[int] = PIXEL_TAGS) -> None:
    """Refuse a directory in which one of the tags has an invalid value."""
    if any(tag in tags for tag in page.broken):
        raise UnsupportedImage("A field of the TIFF image has no value, or one of no known type.")
    unsigned = (*_UNSIGNED, ifd.LONG8) if page.big else _UNSIGNED
    for tag, entry in page.fields.items():
        if tag not in tags:
            continue
        allowed = _OPAQUE if tag == Tag.JPEG_TABLES else unsigned
        if entry.kind not in allowed:
            raise UnsupportedImage(
                f"Field {tag} of the TIFF image is of a type that is not its own."
            )
        if entry.count != 1 and tag not in _LISTS:
            raise UnreadableImage(f"Field {tag} of the TIFF image has several values.")


def read_layout(directory: ifd.Directory) -> Layout:
    """Read and check the fields of a directory, so that its segments lie within the file.

    Raises `UnsupportedImage` for rare ways to store samples, `TooManyPixels` for segments with many
    more pixels than the picture, and `UnreadableImage` for contradictions.
    """
    check_fields(directory)
    channels = directory.integer(Tag.SAMPLES, 1)
    photometric = _one_of(Photometric, _photometric(directory))
    compression = _one_of(Compression, directory.integer(Tag.COMPRESSION, 1))
    sample_format = _one_of(SampleFormat, shared(directory, Tag.SAMPLE_FORMAT, channels))
    bits = shared(directory, Tag.BITS, channels)
    colours = _CHANNELS.get(photometric, 1)
    planar = count_planes(directory) > 1
    bands = _bands(directory)
    if bands and compression is Compression.JPEG:
        raise UnsupportedImage(f"A TIFF image of {channels} channels in JPEG is not supported.")
    if (channels - colours not in (0, 1) and not bands) or bits not in _depths(
        sample_format, photometric, compression, 1 if planar else channels
    ):
        raise UnsupportedImage(
            f"A TIFF in {COLOURS[photometric]}, {counted(channels)} of {bits}-bit "
            f"{NUMBERS[sample_format]}, {PACKING[compression]}, is not supported; save it as "
            "grey or RGB, of 8 or 16 bits, or of 32-bit floating-point numbers."
        )
    offsets, counts = _segments(directory)
    segment_width, segment_height = segment_size(directory)
    layout = Layout(
        order=directory.order,
        width=directory.integer(Tag.WIDTH),
        height=directory.integer(Tag.HEIGHT),
        bits=bits,
        channels=channels,
        colours=colours,
        alpha=int(_list(directory, Tag.EXTRA_SAMPLES, (0, channels - colours)).max(initial=0)),
        bands=bands,
        format=sample_format,
        photometric=photometric,
        compression=compression,
        predictor=_predictor(directory, compression, sample_format, bits),
        reversed_bits=directory.integer(Tag.FILL_ORDER, 1) == _LSB_FIRST,
        fax_options=directory.integer(Tag.FAX3_OPTIONS) & 7,
        planar=planar,
        segment_width=segment_width,
        segment_height=segment_height,
        offsets=offsets,
        counts=counts,
        palette=_palette(directory, photometric, bits),
        jpeg_tables=_jpeg_tables(directory, compression),
    )
    if bits % 8 or photometric not in _BANDED:
        return layout
    return replace(layout, no_data=no_data(directory, layout.sample_type))


def count_bands(directory: ifd.Directory) -> int:
    """Return how many bands a page has that are frames of their own: its channels but for alpha.

    Up to four channels are one frame; raises `UnsupportedImage` for more than MAX_BANDS.
    """
    bands = _bands(directory)
    return directory.integer(Tag.SAMPLES, 1) - (STRAIGHT in bands) if bands else 1


def _bands(directory: ifd.Directory) -> tuple[int, ...]:
    """Return the types of the channels beyond the colours, if there are several."""
    channels = directory.integer(Tag.SAMPLES, 1)
    photometric = _photometric(directory)
    further = channels - _CHANNELS.get(Photometric(photometric), 1) if photometric in _BANDED else 0
    if further < 2:
        return ()
    if channels > MAX_BANDS:
        raise UnsupportedImage(f"The TIFF image has more than {MAX_BANDS} channels.")
    stated = _list(directory, Tag.EXTRA_SAMPLES, (0, further)).tolist() or [UNSPECIFIED] * further
    if not {*stated} <= {UNSPECIFIED, STRAIGHT} or stated.count(STRAIGHT) > 1:
        raise UnsupportedImage(
            "A TIFF image of several alpha channels, or one that has multiplied "
            "more than four channels, is not supported."
        )
    return tuple(stated)


def _photometric(directory: ifd.Directory) -> int:
    """Return what the samples stand for; where a file does not say, the same as in libtiff."""
    further = directory.fields.get(Tag.EXTRA_SAMPLES)
    channels = directory.integer(Tag.SAMPLES, 1) - (further.count if further else 0)
    is_fax = directory.integer(Tag.COMPRESSION, 1) in _FAX
    grey = Photometric.WHITE_IS_ZERO if is_fax else Photometric.BLACK_IS_ZERO
    return directory.integer(Tag.PHOTOMETRIC, Photometric.RGB if channels == 3 else grey)


def _one_of(kind: type[E], value: int) -> E:
    try:
        return kind(value)
    except ValueError:
        what = REFUSED.get((kind, value), f"the value {value} of {kind.__name__}")
        raise UnsupportedImage(
            f"The TIFF holds {what}, which is not supported; save it as grey or RGB, compressed by "
            "LZW or Deflate or not at all."
        ) from None


def shared(directory: ifd.Directory, tag: Tag, channels: int) -> int:
    """Return the value common to all channels; 1, the default of TIFF, if it is not given."""
    values = _list(directory, tag, (0, 1, channels))
    if (values != values[:1]).any():
        raise UnsupportedImage("A TIFF image of channels that differ is not supported.")
    return int(values[0]) if values.size else 1


def _list(directory: ifd.Directory, tag: Tag, lengths: Container[int]) -> NDArray[Any]:
    """Return the values of a tag, read only if their number is correct."""
    count = directory.fields[tag].count if tag in directory.fields else 0
    if count not in lengths:
        raise UnreadableImage(f"Field {tag} of the TIFF image has {count} values.")
    return directory.integers(tag)


def _depths(
    sample_format: SampleFormat, photometric: Photometric, compression: Compression, depth: int
) -> Container[int]:
    """Return the supported bits per sample for a sample type and a compression."""
    plain = (Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO, Photometric.RGB)
    match photometric:
        case _ if sample_format is not SampleFormat.UNSIGNED:
            depths = (16, 32, 64) if sample_format is SampleFormat.FLOAT else (8, 16, 32)
            packs_them = compression not in (*IMAGES, *_FAX)
            return depths if photometric in plain and packs_them else ()
        case _ if compression in _FAX:
            return (1,) if depth == 1 else ()
        case _ if compression is Compression.JPEG:
            return (8,)
        case _ if compression is Compression.WEBP:
            return (8,) if photometric is Photometric.RGB and depth > 1 else ()
        case _ if compression in IN_JPEG_2000:
            return range(8, 17) if photometric in plain else ()
        case Photometric.YCBCR:
            return ()
        case Photometric.CMYK:
            return (8, 16)
        case Photometric.PALETTE:
            return range(1, 9)
    return (*range(1, 17), 32)


def segment_size(directory: ifd.Directory) -> tuple[int, int]:
    """Return the width and height of tiles or strips, in pixels."""
    width, height = directory.integer(Tag.WIDTH), directory.integer(Tag.HEIGHT)
    if Tag.TILE_WIDTH in directory.fields:
        segment = directory.integer(Tag.TILE_WIDTH), directory.integer(Tag.TILE_HEIGHT)
    else:
        segment = width, min(height, directory.integer(Tag.ROWS_PER_STRIP, height))
    if not all(segment):
        raise UnreadableImage("The TIFF image has empty segments.")
    if math.prod(segment) > max(width * height, MIN_TILE):
        raise UnsupportedImage("The TIFF image has tiles larger than itself.")
    return segment


def count_planes(directory: ifd.Directory) -> int:
    """Return how many planes channels are stored in: one for each, or a single one for all."""
    return directory.integer(Tag.SAMPLES, 1) if directory.integer(Tag.PLANAR, 1) == 2 else 1


def count_segments(directory: ifd.Directory) -> tuple[int, int, int]:
    """Return the number of segments of all planes, their pixels, and those of the image itself."""
    (across, down), planes = segment_size(directory), count_planes(directory)
    width, height = directory.integer(Tag.WIDTH), directory.integer(Tag.HEIGHT)
    count = math.ceil(width / across) * math.ceil(height / down) * planes
    return count, count * across * down, width * height * planes


def _segments(directory: ifd.Directory) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the offsets and lengths of the segments, within the file and no longer than it.

    Both are 0 for those without data, which GDAL leaves out of sparse files. Refuses too many
    segments, or too large ones.
    """
    expected, held, pixels = count_segments(directory)
    if expected > MAX_SEGMENTS:
        raise UnsupportedImage(f"The TIFF image has more than {MAX_SEGMENTS} segments.")
    depth = directory.integer(Tag.SAMPLES, 1) // count_planes(directory)
    most = MAX_EXCESS * pixels
    if held > max(most, MIN_PIXELS) or held * depth > max(most * depth, MIN_SAMPLES):
        raise TooManyPixels("The TIFF image has tiles of many more pixels than itself.")
    tiled = Tag.TILE_WIDTH in directory.fields
    offsets = _list(directory, Tag.TILE_OFFSETS if tiled else Tag.STRIP_OFFSETS, (expected,))
    counts = _list(directory, Tag.TILE_COUNTS if tiled else Tag.STRIP_COUNTS, (expected,))
    size = len(directory.data)
    if max(offsets.max(), counts.max()) > size or (offsets[counts == 0] > 0).any():
        raise UnreadableImage("The TIFF image is truncated.")
    offsets, counts = offsets.astype(np.int64), counts.astype(np.int64)
    if (offsets + counts).max() > size or counts.sum() > size:
        raise UnreadableImage("The TIFF image is truncated, or its segments overlap.")
    return offsets, counts


def _predictor(
    directory: ifd.Directory, compression: Compression, sample_format: SampleFormat, bits: int
) -> Predictor:
    try:
        predictor = Predictor(directory.integer(Tag.PREDICTOR, 1))
    except ValueError:
        raise UnreadableImage("The TIFF image has a predictor that is not known.") from None
    if compression is Compression.PACKBITS and predictor is not Predictor.NONE:
        raise UnsupportedImage(  # libtiff ignores this predictor, other programs do not
            "A TIFF of PackBits with a predictor is not supported, as programs differ about what "
            "it shows; save it compressed by LZW or Deflate or not at all."
        )
    if compression not in _PREDICTED:
        return Predictor.NONE  # these have no predictor, whatever the field says, as in libtiff
    is_float = sample_format is SampleFormat.FLOAT
    if (predictor is Predictor.FLOAT and not is_float) or (
        predictor is Predictor.DIFFERENCES and bits not in (8, 16, 32, 64)
    ):
        raise UnsupportedImage("The TIFF image has a predictor that does not fit its samples.")
    return predictor


def _palette(directory: ifd.Directory, photometric: Photometric, bits: int) -> NDArray[Any]:
    if photometric is not Photometric.PALETTE:
        return np.empty(0, np.uint16)
    return _list(directory, Tag.PALETTE, (3 << bits,))


def _jpeg_tables(directory: ifd.Directory, compression: Compression) -> tuple[bytes, ...]:
    if compression is not Compression.JPEG or Tag.JPEG_TABLES not in directory.fields:
        return ()
    tables = directory.fields[Tag.JPEG_TABLES].value
    if len(tables) > MAX_TABLES:
        raise UnsupportedImage(f"The TIFF image has more than {MAX_TABLES} bytes of JPEG tables.")
    return read_tables(bytes(tables))
