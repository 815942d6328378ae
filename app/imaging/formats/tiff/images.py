"""Segments of a TIFF in other image formats, each checked like a file of its format."""

import math

import imagecodecs
import numpy as np

from app.imaging import ifd
from app.imaging.formats import webp
from app.imaging.formats.jp2.codestream import (
    END,
    FREE_BYTES,
    SEGMENTS_A_TILE,
    WORKING,
    check,
    read_head,
)
from app.imaging.formats.jp2.container import read_file
from app.imaging.formats.jpeg.frame import Frame, Transform, read_frame
from app.imaging.formats.jpeg.rebuild import rebuild
from app.imaging.formats.tiff.layout import IN_JPEG_2000, Layout, segment_size
from app.imaging.picture import TooManyPixels, UnreadableImage, UnsupportedImage
from app.imaging.samples import Samples
from app.imaging.tags import Compression, Photometric, Tag

_CHANNELS = 4  # of a segment in JPEG 2000, at most


def more_bytes(page: ifd.Directory) -> int:
    """Return the bytes that decoding takes besides the samples, which are many for JPEG 2000."""
    if page.integer(Tag.COMPRESSION) not in IN_JPEG_2000:
        return 0
    channels = min(page.integer(Tag.SAMPLES, 1), _CHANNELS)
    area = math.prod(segment_size(page))
    return area * channels * WORKING + _blocks_bytes(area)


def decode_image(segment: bytes, layout: Layout, rows: int) -> Samples:
    """Decode a segment to at least `rows`, as `[rows, columns, depth]`."""
    match layout.compression:
        case Compression.JPEG:
            samples = _of_jpeg(segment, layout)
        case Compression.WEBP:
            samples = _of_webp(segment, layout)
        case _:
            samples = _of_jpeg_2000(segment, layout)
    if samples.shape[0] < rows:
        raise UnreadableImage("A segment of the TIFF image is smaller than it should be.")
    return samples.reshape(*samples.shape[:2], layout.depth)


def _check(layout: Layout, width: int, height: int, channels: int) -> None:
    """Refuse a segment that declares more than it may."""
    if channels != layout.depth:
        raise UnreadableImage("A segment of the TIFF image has other channels than the image.")
    if width > layout.segment_width or height > layout.segment_height:
        raise UnreadableImage("A segment of the TIFF image is larger than it should be.")


def _of_webp(segment: bytes, layout: Layout) -> Samples:
    """Decode WebP, which omits an opaque alpha."""
    width, height = webp.size_of(segment)
    _check(layout, width, height, layout.depth)
    samples = webp.samples_of(segment)
    if samples.shape[2] == 3 and layout.depth == 4:
        samples = np.dstack((samples, np.full(samples.shape[:2], 255, np.uint8)))
    _check(layout, width, height, samples.shape[2])
    return samples


def _of_jpeg_2000(segment: bytes, layout: Layout) -> Samples:
    """Decode a codestream of one tile, which may be in boxes."""
    contents = read_file(segment)
    stream, head = contents.stream, read_head(contents.stream, SEGMENTS_A_TILE)
    if contents.streams > 1 or head.tiles > 1:
        raise UnsupportedImage("The TIFF holds JPEG 2000 of several images, or tiles of its own.")
    _check(layout, head.width, head.height, len(head.components))
    fit = [
        not each.is_signed and each.apart == (1, 1) and 0 <= layout.bits - each.bits < 8
        for each in head.components
    ]
    if contents.palette is not None or not all(fit):
        raise UnsupportedImage("The TIFF holds JPEG 2000 of other samples than it declares.")
    if head.more_bytes > _blocks_bytes(layout.segment_width * layout.segment_height):
        raise TooManyPixels("A segment of the TIFF image takes too much memory for its size.")
    end = check(stream, head, SEGMENTS_A_TILE)
    samples = np.asarray(imagecodecs.jpeg2k_decode(stream[:end] + END, numthreads=1))
    if samples.shape[:2] != (head.height, head.width) or samples.dtype != layout.sample_type:
        raise UnreadableImage("A segment of the TIFF image is not what it declares.")
    return samples


def _blocks_bytes(area: int) -> int:
    """Return the bytes that blocks and precincts may take; no encoder needs more."""
    return FREE_BYTES + WORKING * area


def _of_jpeg(segment: bytes, layout: Layout) -> Samples:
    frame = read_frame(segment)
    _check(layout, frame.width, frame.height, len(frame.components))
    rebuilt = rebuild(segment, frame, _transform(frame, layout), layout.jpeg_tables)
    return np.asarray(imagecodecs.jpeg8_decode(rebuilt.stream))


def _transform(frame: Frame, layout: Layout) -> Transform:
    """Return the colour transform: RGB is stored without one, unless the segment is a JFIF file."""
    match layout.photometric:
        case Photometric.RGB if layout.depth == 4:
            return Transform.NONE
        case Photometric.RGB:
            return Transform.YCC if frame.is_jfif else Transform.NONE
    return frame.transform
