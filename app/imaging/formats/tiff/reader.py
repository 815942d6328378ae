"""Read TIFF: its declarations, its pages in grey or RGB, and their metadata."""

import math
from collections.abc import Container
from dataclasses import replace

import numpy as np

from app.imaging import ifd
from app.imaging.formats.tiff.channels import channels
from app.imaging.formats.tiff.images import more_bytes
from app.imaging.formats.tiff.layout import (
    MAX_EXCESS,
    MAX_SEGMENTS,
    MIN_PIXELS,
    PREMULTIPLIED,
    STRAIGHT,
    UNSPECIFIED,
    Layout,
    check_fields,
    count_bands,
    count_segments,
    read_layout,
    segment_size,
    shared,
)
from app.imaging.formats.tiff.segments import read_samples
from app.imaging.formats.tiff.slices import slices
from app.imaging.metadata import with_sides_exchanged
from app.imaging.orientation import TRANSPOSED
from app.imaging.picture import (
    Change,
    Changes,
    Format,
    Header,
    Metadata,
    Picture,
    TooManyPixels,
    UnreadableImage,
    UnsupportedImage,
    those_of,
)
from app.imaging.samples import Samples, cmyk_to_rgb, from_palette, inverted, unpremultiply, widen
from app.imaging.stack import Stack
from app.imaging.tags import FILE_TAGS, LOST_TAGS, PAGE_TAGS, Photometric, SampleFormat, Tag

MAX_PROFILED, PROFILED_PIXELS = 32, 2**15
"""Pages whose inks a profile may convert, and pixels of all of them for each further one, since it
takes 20 ms to prepare a profile.
"""

_MASK = 4  # a photometric interpretation: samples mark the visible pixels of another page


def read_header(data: bytes) -> Header:
    """Read the directories; thumbnails, other reductions and masks do not count as frames."""
    directories = list(ifd.directories(data))
    for each in directories:
        check_fields(each, (Tag.SUBFILE, Tag.PHOTOMETRIC))
    pages = _pages(directories)
    if not directories:
        raise UnreadableImage("The TIFF file contains no image.")
    if not pages:
        raise UnsupportedImage(
            "The TIFF holds a thumbnail alone, as camera raw files do; convert it to JPEG or PNG."
        )
    page, bands = pages[0], _check_alike(pages)
    pixel = max(map(_pixel_bytes, pages))
    tiled = (math.prod(segment_size(each)) for each in pages if Tag.TILE_WIDTH in each.fields)
    of_channels, run = (bands, 1) if bands > 1 else channels(page, len(pages))
    return Header(
        Format.TIFF,
        page.integer(Tag.WIDTH),
        page.integer(Tag.HEIGHT),
        Stack(len(pages) * bands, channels=of_channels, run=run),
        pixel_bytes=pixel,
        more_bytes=max(tiled, default=0) * pixel * bands + max(map(more_bytes, pages)),
        segments=_count_segments(pages),
    )


def _check_alike(pages: list[ifd.Directory]) -> int:
    """Refuse pages that cannot be frames of one picture; return the number of bands of a page."""
    first = pages[0]
    for page in pages:
        check_fields(page)
        if any(page.integer(tag) != first.integer(tag) for tag in (Tag.WIDTH, Tag.HEIGHT)):
            raise UnsupportedImage("The TIFF has pages that differ in size; send them one by one.")
    if (count := slices(first)) > len(pages):
        raise UnsupportedImage(
            f"The TIFF has {count} slices in one directory; save it with a page for each."
        )
    bands = max(map(count_bands, pages))
    if bands > 1 and len(pages) > 1:
        raise UnsupportedImage(
            "The TIFF has pages of more than four channels; send them one by one."
        )
    return bands


def _count_segments(pages: list[ifd.Directory]) -> int:
    """Return the number of segments of all pages, at most that of a single page.

    Raises TooManyPixels if they have many more pixels than the pages, since well-compressed ones
    could be of any size.
    """
    count, held, pixels = map(sum, zip(*map(count_segments, pages), strict=True))
    if len(pages) > 1 and held > max(MAX_EXCESS * pixels, MIN_PIXELS):
        raise TooManyPixels("The TIFF has tiles of many more pixels than its pages.")
    return min(count, MAX_SEGMENTS)


def _check_apart(data: bytes, pages: list[ifd.Directory]) -> None:
    """Refuse pages that overlap so much that all together are larger than the file."""
    values = sum(len(entry.value) for page in pages for entry in page.fields.values())
    segments = sum(
        int(page.integers(tag).sum(dtype=np.float64))
        for page in pages
        for tag in (Tag.STRIP_COUNTS, Tag.TILE_COUNTS)
    )
    if max(values, segments) > len(data):
        raise UnreadableImage("The TIFF has pages that overlap.")


def _check_profiles(pages: list[ifd.Directory]) -> None:
    """Refuse many small pages in inks, each with a profile."""
    profiled = [
        page.integer(Tag.WIDTH) * page.integer(Tag.HEIGHT)
        for page in pages
        if page.integer(Tag.PHOTOMETRIC) == Photometric.CMYK and Tag.ICC in page.fields
    ]
    if len(profiled) > MAX_PROFILED + sum(profiled) // PROFILED_PIXELS:
        raise UnsupportedImage(
            "The TIFF has too many small pages in inks, each with a profile; send them one by one."
        )


def _pixel_bytes(page: ifd.Directory) -> int:
    """Return the maximum bytes per pixel during decoding."""
    stated = page.integer(Tag.SAMPLES, 1)
    bits, channels = min(64, shared(page, Tag.BITS, stated)), min(5, stated)  # more are refused
    # Segments are decompressed next to the samples, which are then split and divided by alpha.
    size = max(4, bits // 8)
    if count_bands(page) > 1:  # bands become frames, with alpha
        return max(16, bits // 8 + 4 * size)
    is_float = shared(page, Tag.SAMPLE_FORMAT, stated) == SampleFormat.FLOAT
    divides = page.integer(Tag.EXTRA_SAMPLES) == PREMULTIPLIED and (is_float or bits > 16)
    return max(16, channels * (bits // 8 + size) + 3 * size * divides)


def _pages(directories: list[ifd.Directory]) -> list[ifd.Directory]:
    """Return the directories that are neither reductions nor masks: thumbnails may come first."""
    return [
        each
        for each in directories
        if not each.integer(Tag.SUBFILE) & 1 and each.integer(Tag.PHOTOMETRIC, -1) != _MASK
    ]


def decode(data: bytes) -> Picture:
    """Decode grey, RGB, palette or CMYK of 1 to 16 bits, or other numbers in grey and RGB.

    Fewer than 8 bits become 8, and 9 to 15 become 16; integers of 32 bits, signed ones, and
    floating point of any range are unchanged. Several pages must be of one kind.
    """
    directories = list(ifd.directories(data))
    pages = _pages(directories)
    decode_page = _decode_bands if count_bands(pages[0]) > 1 else _decode_page
    picture = decode_page(data, pages[0])
    if len(pages) < len(directories):
        picture = replace(picture, changes=picture.changes | {Change.METADATA})
    return picture if len(pages) == 1 else _stack(data, picture, pages)


def _stack(data: bytes, first: Picture, pages: list[ifd.Directory]) -> Picture:
    """Return the pages stacked below each other, given the picture of the first."""
    _check_apart(data, pages)
    _check_profiles(pages)
    count, height = len(pages), first.height
    shape = count * height, first.width
    pixels = np.empty((*shape, first.channels), first.dtype)
    alpha, extra = (
        None if plane is None else np.empty(shape, first.dtype)
        for plane in (first.alpha, first.extra)
    )
    changes = set(first.changes)
    for number, page in enumerate(pages):
        found = _decode_page(data, page, is_first=False) if number else first
        place = slice(number * height, (number + 1) * height)
        if _kind(found) != _kind(first) or _turn(page) != _turn(pages[0]):
            raise UnsupportedImage("The TIFF has pages that differ in kind; send them one by one.")
        for whole, part in ((pixels, found.pixels), (alpha, found.alpha), (extra, found.extra)):
            if whole is not None:
                whole[place] = part
        changes |= found.changes
        if found.metadata.icc != first.metadata.icc:
            changes.add(Change.PROFILE)
        if number and not page.fields.keys().isdisjoint(ifd.POINTERS):
            changes.add(Change.METADATA)
    return Picture(
        pixels,
        alpha,
        Format.TIFF,
        _metadata_of_all(pages, first.metadata),
        frozenset(changes),
        extra=extra,
        stack=Stack(count, 1, None, *channels(pages[0], count)),
    )


def _metadata_of_all(pages: list[ifd.Directory], first: Metadata) -> Metadata:
    """Return the metadata of the first page with the fields of each page.

    EXIF and GPS directories below the other pages are left out. If white is 0 in only some of the
    pages, these are recorded.
    """
    negatives = {page.integer(Tag.PHOTOMETRIC) == Photometric.WHITE_IS_ZERO for page in pages}
    without = FILE_TAGS - PAGE_TAGS | {Tag.ORIENTATION, *ifd.POINTERS}
    if len(negatives) > 1:
        first, without = replace(first, negative=None), without - {Tag.PHOTOMETRIC}
    native = tuple(_described(page, without) for page in pages)
    if _turn(pages[0]) in TRANSPOSED:
        native = tuple(map(with_sides_exchanged, native))
    return replace(first, native=native)


def _kind(page: Picture) -> tuple[object, ...]:
    return page.pixels.shape, page.dtype, page.alpha is None, page.extra is None


def _turn(page: ifd.Directory) -> int:
    return page.integer(Tag.ORIENTATION, 1)


def _decode_page(data: bytes, directory: ifd.Directory, *, is_first: bool = True) -> Picture:
    layout = read_layout(directory)
    samples = read_samples(data, layout)
    if layout.format is SampleFormat.UNSIGNED and layout.photometric is not Photometric.PALETTE:
        samples = widen(samples, layout.bits)
    colours, metadata = samples[..., : layout.colours], _metadata(directory, is_first)
    if layout.photometric is Photometric.WHITE_IS_ZERO:
        colours = inverted(colours)
        metadata = replace(metadata, negative=float(inverted(np.zeros(1, colours.dtype))[0]))
    elif layout.photometric is Photometric.PALETTE:
        colours = _look_up(layout, colours)
    elif layout.photometric is Photometric.CMYK:
        colours = cmyk_to_rgb(np.ascontiguousarray(colours), metadata.icc)
    metadata = replace(metadata, no_data=layout.no_data)
    pixels, alpha, extra = np.ascontiguousarray(colours), None, None
    if layout.channels > layout.colours:
        further = np.ascontiguousarray(samples[..., -1])
        alpha, extra = (None, further) if layout.alpha == UNSPECIFIED else (further, None)
        if layout.alpha == PREMULTIPLIED:
            pixels = unpremultiply(pixels, further)
    changes = _changes(directory, layout)
    return Picture(pixels, alpha, Format.TIFF, metadata, changes, extra=extra)


def _decode_bands(data: bytes, directory: ifd.Directory) -> Picture:
    """Return each channel except alpha as a frame, all with the same alpha."""
    layout = read_layout(directory)
    samples = read_samples(data, layout)
    if layout.format is SampleFormat.UNSIGNED:
        samples = widen(samples, layout.bits)
    meant = [UNSPECIFIED] * layout.colours + list(layout.bands)
    planes = [number for number, each in enumerate(meant) if each != STRAIGHT]
    pixels = np.concatenate([samples[..., number] for number in planes])
    alpha = None
    if STRAIGHT in meant:
        alpha = np.tile(samples[..., meant.index(STRAIGHT)], (len(planes), 1))
    metadata = replace(
        _metadata(directory, True),
        bands=(layout.photometric, *layout.bands),
        no_data=layout.no_data,
    )
    return Picture(
        pixels[..., None],
        alpha,
        Format.TIFF,
        metadata,
        _changes(directory, layout),
        stack=Stack(len(planes), channels=len(planes)),
    )


def _changes(directory: ifd.Directory, layout: Layout) -> Changes:
    has_alpha = layout.channels > layout.colours and layout.alpha != UNSPECIFIED
    is_palette = layout.photometric is Photometric.PALETTE
    changes = {
        Change.ALPHA: has_alpha and layout.alpha != STRAIGHT,
        Change.COLOURS: is_palette or layout.photometric is Photometric.CMYK,
        Change.DEPTH: layout.bits % 8 != 0 and not is_palette,
        Change.METADATA: not LOST_TAGS.isdisjoint(directory.fields)
        or ifd.has_only_in_big(directory, FILE_TAGS),
    }
    return those_of(changes)


def _look_up(layout: Layout, indices: Samples) -> Samples:
    """Convert palette indices to 8-bit RGB, or grey if all colours are, from 16-bit entries."""
    palette = layout.palette.reshape(3, -1).T
    if palette.max() > 255:  # some writers use the lower 8 of the 16 bits, others the upper
        palette = palette >> 8
    return from_palette(indices, np.asarray(palette, np.uint8))


def _metadata(directory: ifd.Directory, is_first: bool) -> Metadata:
    """Return the metadata of a page; only its profile unless it is the first."""
    fields = directory.fields
    icc = bytes(fields[Tag.ICC].value) if Tag.ICC in fields else None
    if not is_first:
        return Metadata(icc=icc)
    xmp = bytes(fields[Tag.XMP].value) if Tag.XMP in fields else None
    exif = _described(directory, FILE_TAGS)
    return Metadata(icc=icc, exif=exif or None, xmp=xmp, dpi=_dpi(directory))


def _described(directory: ifd.Directory, without: Container[int]) -> bytes:
    """Return the fields of a directory, except some, as a TIFF structure; empty if none remain."""
    try:
        described = ifd.tree(directory, without)
    except ValueError:
        return b""
    packed = ifd.header(directory.order, 8) + ifd.pack(described, directory.order, 8)
    return packed if described else b""


def _dpi(directory: ifd.Directory) -> tuple[float, float] | None:
    inch = {2: 1.0, 3: 2.54}.get(directory.integer(Tag.RESOLUTION_UNIT, 2))
    across, down = (directory.rational(tag) for tag in (Tag.X_RESOLUTION, Tag.Y_RESOLUTION))
    return (across * inch, down * inch) if inch and across and down else None
