"""TIFF in: directories of our own reading, segments decoded by tifffile.

tifffile is shown a directory of the fields that make up the pixels, checked here, and nothing
else: it meets no second page, no vendor's private data, no segment that the file cannot hold.
"""

import io
import logging
import math
import struct
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from app.imaging import ifd, jpeg
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
from app.imaging.samples import Samples, cmyk_to_rgb, unpremultiply, widen
from app.imaging.tags import (
    FILE_TAGS,
    LOST_TAGS,
    PIXEL_TAGS,
    Compression,
    Photometric,
    SampleFormat,
    Tag,
)

MAX_SEGMENTS = 100_000
MIN_TILE = 2**22  # pixels that a tile may always have, however small the picture

_CHANNELS = {Photometric.RGB: 3, Photometric.CMYK: 4, Photometric.YCBCR: 3}  # of colour; else 1
_PREMULTIPLIED, _STRAIGHT = 1, 2  # alpha

# the decoder tells its log of damage, too, which any upload could fill
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a directory stores its samples: how many, of what, and in which segments."""

    width: int
    height: int
    bits: int
    channels: int
    colours: int  # channels without alpha
    format: SampleFormat
    photometric: Photometric
    compression: Compression
    planar: bool
    segment_width: int
    segment_height: int
    offsets: NDArray[Any]
    counts: NDArray[Any]


def read_header(data: bytes) -> Header:
    """Read the directories; thumbnails and other reductions do not count as frames."""
    pages = list(ifd.directories(data))
    page, frames = _picture(pages), sum(map(_is_full, pages))
    if not frames:
        raise UnsupportedImage("The TIFF holds a thumbnail alone, as raw files of cameras do.")
    return Header(
        Format.TIFF,
        page.integer(Tag.WIDTH),
        page.integer(Tag.HEIGHT),
        frames=frames,
        pixel_bytes=_pixel_bytes(page),
    )


def _pixel_bytes(page: ifd.Directory) -> int:
    """The most that a pixel takes while it is decoded."""
    bits = min(64, max(page.integers(Tag.BITS).tolist(), default=1))
    channels = min(5, page.integer(Tag.SAMPLES, 1))  # more are refused
    if SampleFormat.FLOAT not in page.integers(Tag.SAMPLE_FORMAT):
        return max(16, channels * (bits // 8 + 4))
    # Floats of any size become such of 4 bytes, which are then parted, and the colours divided.
    divided = 12 if page.integer(Tag.EXTRA_SAMPLES) == _PREMULTIPLIED else 0
    return max(16, channels * (max(bits // 8, 4) + 4) + divided)


def _is_full(page: ifd.Directory) -> bool:
    return not page.integer(Tag.SUBFILE) & 1


def _picture(pages: list[ifd.Directory]) -> ifd.Directory:
    """The one that is no reduction of another: thumbnails may come first."""
    return next(filter(_is_full, pages), pages[0])


def decode(data: bytes) -> Picture:
    """Decode grey, RGB, palette or CMYK of 1 to 16 bits, or floating point in [0, 1].

    Fewer than 8 bits become 8, more become 16; all floating point becomes `float32`.
    """
    pages = list(ifd.directories(data))
    directory = _picture(pages)
    layout = _layout(directory)
    _check_segments(data, directory, layout)
    samples = _samples(data, directory, layout)
    colours, metadata = samples[..., : layout.colours], _metadata(directory)
    if layout.photometric is Photometric.WHITE_IS_ZERO:
        colours = np.invert(colours) if colours.dtype.kind == "u" else 1 - colours
    elif layout.photometric is Photometric.PALETTE:
        colours = _look_up(directory, colours)
    elif layout.photometric is Photometric.CMYK:
        colours = cmyk_to_rgb(np.ascontiguousarray(colours), metadata.icc)
    pixels, alpha = np.ascontiguousarray(colours), None
    if layout.channels > layout.colours:
        alpha = np.ascontiguousarray(samples[..., -1])
        if directory.integer(Tag.EXTRA_SAMPLES) == _PREMULTIPLIED:
            pixels = unpremultiply(pixels, alpha)
    changes = _changes(directory, layout, alone=len(pages) == 1)
    return Picture(pixels, alpha, Format.TIFF, metadata, changes)


def _changes(directory: ifd.Directory, layout: Layout, *, alone: bool) -> Changes:
    kept_depths = (32,) if layout.format is SampleFormat.FLOAT else (8, 16)
    has_alpha = layout.channels > layout.colours
    is_palette = layout.photometric is Photometric.PALETTE
    changes = {
        Change.ALPHA: has_alpha and directory.integer(Tag.EXTRA_SAMPLES) != _STRAIGHT,
        Change.COLOURS: is_palette or layout.photometric is Photometric.CMYK,
        Change.DEPTH: layout.bits not in kept_depths and not is_palette,
        Change.METADATA: not alone or not LOST_TAGS.isdisjoint(directory.fields),
    }
    return those_of(changes)


def _layout(directory: ifd.Directory) -> Layout:
    width, height = directory.integer(Tag.WIDTH), directory.integer(Tag.HEIGHT)
    bits = set(directory.integers(Tag.BITS).tolist()) or {1}
    formats = set(directory.integers(Tag.SAMPLE_FORMAT).tolist()) or {SampleFormat.UNSIGNED}
    channels = directory.integer(Tag.SAMPLES, 1)
    tiled = Tag.TILE_WIDTH in directory.fields
    try:
        (depth,), (sample_format,) = bits, map(SampleFormat, formats)
        photometric = Photometric(directory.integer(Tag.PHOTOMETRIC, -1))
        compression = Compression(directory.integer(Tag.COMPRESSION, 1))
    except ValueError:
        raise UnsupportedImage("This TIFF image stores its samples in a rare way.") from None
    layout = Layout(
        width=width,
        height=height,
        bits=depth,
        channels=channels,
        colours=_CHANNELS.get(photometric, 1),
        format=sample_format,
        photometric=photometric,
        compression=compression,
        planar=channels > 1 and directory.integer(Tag.PLANAR, 1) == 2,
        segment_width=directory.integer(Tag.TILE_WIDTH) if tiled else width,
        segment_height=(
            directory.integer(Tag.TILE_HEIGHT)
            if tiled
            else min(height, directory.integer(Tag.ROWS_PER_STRIP, height))
        ),
        offsets=directory.integers(Tag.TILE_OFFSETS if tiled else Tag.STRIP_OFFSETS),
        counts=directory.integers(Tag.TILE_COUNTS if tiled else Tag.STRIP_COUNTS),
    )
    if not _is_supported(layout):
        raise UnsupportedImage(
            f"A TIFF image of {channels} x {depth}-bit {photometric.name} samples "
            f"({sample_format.name}, {compression.name}) is not supported."
        )
    return layout


def _is_supported(layout: Layout) -> bool:
    return layout.channels - layout.colours in (0, 1) and layout.bits in _depths(layout)


def _depths(layout: Layout) -> Container[int]:
    """The bits that samples may have, for what they are and how they are packed."""
    match layout:
        case Layout(format=SampleFormat.FLOAT):
            plain = (Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO, Photometric.RGB)
            packs_floats = layout.compression is not Compression.JPEG
            return (16, 32, 64) if layout.photometric in plain and packs_floats else ()
        case Layout(compression=Compression.JPEG):
            return (8,)
        case Layout(photometric=Photometric.YCBCR):
            return ()
        case Layout(photometric=Photometric.CMYK):
            return (8, 16)
        case Layout(photometric=Photometric.PALETTE):
            return range(1, 9)
    return range(1, 17)


def _check_segments(data: bytes, directory: ifd.Directory, layout: Layout) -> None:
    """Refuse segments that lie outside the file, overlap, or are larger than they need be."""
    width, height = layout.segment_width, layout.segment_height
    if not (width and height):
        raise UnreadableImage("The TIFF image has empty segments.")
    if width * height > max(layout.width * layout.height, MIN_TILE):
        raise UnsupportedImage("The TIFF image has tiles larger than itself.")
    expected = math.ceil(layout.width / width) * math.ceil(layout.height / height)
    expected *= layout.channels if layout.planar else 1
    if expected > MAX_SEGMENTS:
        raise UnsupportedImage(f"The TIFF image has more than {MAX_SEGMENTS} segments.")
    offsets, counts = layout.offsets, layout.counts
    if not len(offsets) == len(counts) == expected:
        raise UnreadableImage("The TIFF image lists too few segments, or too many.")
    if max(offsets.max(), counts.max()) > len(data) or counts.min() == 0:
        raise UnreadableImage("The TIFF image is truncated.")
    ends = offsets.astype(np.int64) + counts.astype(np.int64)
    if ends.max() > len(data) or counts.sum(dtype=np.int64) > len(data):
        raise UnreadableImage("The TIFF image is truncated, or its segments overlap.")
    if layout.compression is Compression.JPEG:
        tables = directory.fields.get(Tag.JPEG_TABLES)
        if tables is not None and not jpeg.is_tables(bytes(tables.value)):
            raise UnreadableImage("The JPEG tables of the TIFF image are damaged.")
        for start, end in zip(offsets.tolist(), ends.tolist(), strict=True):
            _check_jpeg(data[start:end], layout)


def _check_jpeg(segment: bytes, layout: Layout) -> None:
    frame = jpeg.read_frame(segment)
    jpeg.find_end(segment, frame.scan)
    if frame.width > layout.segment_width or frame.height > layout.segment_height:
        raise UnreadableImage("A segment of the TIFF image is larger than it should be.")


def _samples(data: bytes, directory: ifd.Directory, layout: Layout) -> Samples:
    """All channels as `[height, width, channels]`, palette indices as they are."""
    with tifffile.TiffFile(io.BytesIO(_pixels_alone(data, directory))) as file:
        stored = file.pages.first.asarray(maxworkers=1)
    if layout.planar:
        stored = stored.reshape(layout.channels, layout.height, layout.width)
        samples = np.moveaxis(stored, 0, -1)
    else:
        samples = stored.reshape(layout.height, layout.width, layout.channels)
    if layout.format is SampleFormat.FLOAT:
        if not (samples.min() >= 0 and samples.max() <= 1):  # nor can it be, with a NaN
            raise UnsupportedImage("Floating-point samples must lie between 0 and 1.")
        return np.asarray(samples, np.float32)
    samples = np.asarray(samples, np.uint8 if layout.bits <= 8 else np.uint16)
    return samples if layout.photometric is Photometric.PALETTE else widen(samples, layout.bits)


def _pixels_alone(data: bytes, directory: ifd.Directory) -> bytes:
    """The file with one directory, at its end, of the fields that matter for decoding."""
    fields = directory.fields
    records = b"".join(fields[tag].record for tag in sorted(PIXEL_TAGS & fields.keys()))
    count, offset = ("Q", "Q") if directory.big else ("H", "I")
    number = len(records) // (20 if directory.big else 12)
    head = data[: 8 if directory.big else 4] + struct.pack(directory.order + offset, len(data))
    body = struct.pack(directory.order + count, number) + records + bytes(8)
    return b"".join([head, memoryview(data)[len(head) :], body])


def _look_up(directory: ifd.Directory, indices: Samples) -> Samples:
    """Palette colours, 16 bits in the file, as 8-bit RGB, or as grey where all of them are."""
    palette = directory.integers(Tag.PALETTE).reshape(3, -1).T
    if palette.max() > 255:  # some writers fill the lower 8 of the 16 bits, others the upper
        palette = palette >> 8
    palette = np.asarray(palette, np.uint8)
    if (palette == palette[:, :1]).all():
        palette = palette[:, :1]
    return palette[indices[..., 0]]


def _metadata(directory: ifd.Directory) -> Metadata:
    fields = directory.fields
    icc = bytes(fields[Tag.ICC].value) if Tag.ICC in fields else None
    xmp = bytes(fields[Tag.XMP].value) if Tag.XMP in fields else None
    try:
        described = ifd.tree(directory, without=FILE_TAGS)
    except ValueError:
        described = {}
    exif = ifd.header(directory.order, 8) + ifd.pack(described, directory.order, 8)
    return Metadata(icc=icc, exif=exif if described else None, xmp=xmp, dpi=_dpi(directory))


def _dpi(directory: ifd.Directory) -> tuple[float, float] | None:
    inch = {2: 1.0, 3: 2.54}.get(directory.integer(Tag.RESOLUTION_UNIT, 2))
    across, down = (directory.rational(tag) for tag in (Tag.X_RESOLUTION, Tag.Y_RESOLUTION))
    return (across * inch, down * inch) if inch and across and down else None
