"""TIFF in: what a file declares, its picture in grey or RGB, and what describes it."""

import math

import numpy as np

from app.imaging import ifd
from app.imaging.formats.tiff.layout import (
    MAX_SEGMENTS,
    Layout,
    check_fields,
    read_layout,
    segment_size,
    shared,
)
from app.imaging.formats.tiff.segments import read_samples
from app.imaging.picture import (
    Change,
    Changes,
    Format,
    Header,
    Metadata,
    Picture,
    UnsupportedImage,
    those_of,
)
from app.imaging.samples import Samples, cmyk_to_rgb, unpremultiply, widen
from app.imaging.tags import FILE_TAGS, LOST_TAGS, Photometric, SampleFormat, Tag

_UNSPECIFIED, _PREMULTIPLIED, _STRAIGHT = 0, 1, 2  # what an extra channel is


def read_header(data: bytes) -> Header:
    """Read the directories; thumbnails and other reductions do not count as frames."""
    pages = list(ifd.directories(data))
    for each in pages:
        check_fields(each, (Tag.SUBFILE,))
    page, frames = _picture(pages), sum(map(_is_full, pages))
    if not frames:
        raise UnsupportedImage(
            "The TIFF holds a thumbnail alone, as camera raw files do; convert it to JPEG or PNG."
        )
    check_fields(page)
    width, height, pixel = page.integer(Tag.WIDTH), page.integer(Tag.HEIGHT), _pixel_bytes(page)
    segment = segment_size(page)
    tile = math.prod(segment) * pixel if Tag.TILE_WIDTH in page.fields else 0
    segments = math.ceil(width / segment[0]) * math.ceil(height / segment[1])
    segments *= page.integer(Tag.SAMPLES, 1) if page.integer(Tag.PLANAR, 1) == 2 else 1
    return Header(Format.TIFF, width, height, frames, pixel, tile, min(segments, MAX_SEGMENTS))


def _pixel_bytes(page: ifd.Directory) -> int:
    """The most that a pixel takes while it is decoded."""
    stated = page.integer(Tag.SAMPLES, 1)
    bits, channels = min(64, shared(page, Tag.BITS, stated)), min(5, stated)  # more are refused
    # A segment is unpacked beside the samples, which are then parted, and the colours divided.
    size = max(4, bits // 8)
    is_float = shared(page, Tag.SAMPLE_FORMAT, stated) == SampleFormat.FLOAT
    divides = page.integer(Tag.EXTRA_SAMPLES) == _PREMULTIPLIED and (is_float or bits > 16)
    return max(16, channels * (bits // 8 + size) + 3 * size * divides)


def _is_full(page: ifd.Directory) -> bool:
    return not page.integer(Tag.SUBFILE) & 1


def _picture(pages: list[ifd.Directory]) -> ifd.Directory:
    """The one that is no reduction of another: thumbnails may come first."""
    return next(filter(_is_full, pages), pages[0])


def decode(data: bytes) -> Picture:
    """Decode grey, RGB, palette or CMYK of 1 to 16 bits, or other numbers of grey and RGB.

    Fewer than 8 bits become 8, and 9 to 15 become 16; integers of 32 bits, signed ones, and
    floating point of any range stay what they are.
    """
    pages = list(ifd.directories(data))
    directory = _picture(pages)
    layout = read_layout(directory)
    samples = read_samples(data, layout)
    if layout.format is SampleFormat.UNSIGNED and layout.photometric is not Photometric.PALETTE:
        samples = widen(samples, layout.bits)
    colours, metadata = samples[..., : layout.colours], _metadata(directory)
    if layout.photometric is Photometric.WHITE_IS_ZERO:
        colours = 1 - colours if colours.dtype.kind == "f" else np.invert(colours)
    elif layout.photometric is Photometric.PALETTE:
        colours = _look_up(layout, colours)
    elif layout.photometric is Photometric.CMYK:
        colours = cmyk_to_rgb(np.ascontiguousarray(colours), metadata.icc)
    pixels, alpha, extra = np.ascontiguousarray(colours), None, None
    if layout.channels > layout.colours:
        further = np.ascontiguousarray(samples[..., -1])
        alpha, extra = (None, further) if layout.alpha == _UNSPECIFIED else (further, None)
        if layout.alpha == _PREMULTIPLIED:
            pixels = unpremultiply(pixels, further)
    changes = _changes(directory, layout, alone=len(pages) == 1)
    return Picture(pixels, alpha, Format.TIFF, metadata, changes, extra)


def _changes(directory: ifd.Directory, layout: Layout, *, alone: bool) -> Changes:
    has_alpha = layout.channels > layout.colours and layout.alpha != _UNSPECIFIED
    is_palette = layout.photometric is Photometric.PALETTE
    changes = {
        Change.ALPHA: has_alpha and layout.alpha != _STRAIGHT,
        Change.COLOURS: is_palette or layout.photometric is Photometric.CMYK,
        Change.DEPTH: layout.bits % 8 != 0 and not is_palette,
        Change.METADATA: not alone or not LOST_TAGS.isdisjoint(directory.fields),
    }
    return those_of(changes)


def _look_up(layout: Layout, indices: Samples) -> Samples:
    """Palette colours, 16 bits in the file, as 8-bit RGB, or as grey where all of them are."""
    palette = layout.palette.reshape(3, -1).T
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
