"""Decode the segments of a TIFF image, each by the one decoder for its compression."""

from collections.abc import Callable, Mapping

import imagecodecs
import numpy as np

from app.imaging.formats.tiff import lzw
from app.imaging.formats.tiff.images import decode_image
from app.imaging.formats.tiff.layout import IMAGES, Layout
from app.imaging.picture import UnreadableImage
from app.imaging.samples import Samples
from app.imaging.tags import Compression, Predictor

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

# decompressors with a limited output size
_UNPACK: Mapping[Compression, Callable[[bytes, int], bytes | bytearray]] = {
    Compression.NONE: lambda data, _: data,
    Compression.LZW: lambda data, room: _decode_lzw(data, room),
    Compression.PACKBITS: lambda data, room: imagecodecs.packbits_decode(data, out=room),
    Compression.DEFLATE: lambda data, room: imagecodecs.deflate_decode(data, out=room),
    Compression.OLD_DEFLATE: lambda data, room: imagecodecs.deflate_decode(data, out=room),
    Compression.ZSTD: lambda data, room: imagecodecs.zstd_decode(data, out=room),
}


def read_samples(data: bytes, layout: Layout) -> Samples:
    """Return all channels as `[height, width, channels]`, with the bits of the file.

    Unsigned integers of up to 8, 16 or 32 bits, signed ones likewise, or floating point of
    16, 32 or 64 bits. Raises whatever decoders raise.
    """
    samples = np.empty((layout.height, layout.width, layout.channels), layout.sample_type)
    places = (
        samples[
            top : top + layout.segment_height,
            left : left + layout.segment_width,
            plane : plane + layout.depth,
        ]
        for plane in range(0, layout.channels, layout.depth)
        for top in range(0, layout.height, layout.segment_height)
        for left in range(0, layout.width, layout.segment_width)
    )
    starts, lengths = layout.offsets.tolist(), layout.counts.tolist()
    for place, start, length in zip(places, starts, lengths, strict=True):
        if not length:  # left out, as it has no data
            place[...] = layout.no_data or 0
            continue
        rows, columns = place.shape[:2]
        segment = data[start : start + length]
        block = _decode(segment, layout, rows)[:rows, :columns]
        place[...] = block
    return samples


def _decode(segment: bytes, layout: Layout, rows: int) -> Samples:
    """Decode at least `rows` of a segment, as `[rows, segment width, depth]`."""
    if layout.compression in IMAGES:
        return decode_image(segment, layout, rows)
    if layout.reversed_bits:
        segment = segment.translate(_REVERSED)
    if layout.compression not in _UNPACK:
        return _decode_fax(segment, layout, rows)[..., None]
    unpacked = _UNPACK[layout.compression](segment, layout.segment_height * layout.row_bytes)
    if len(unpacked) < rows * layout.row_bytes:
        raise UnreadableImage("A segment of the TIFF image is truncated.")
    samples = _parted(unpacked[: rows * layout.row_bytes], layout)
    samples = samples.reshape(rows, layout.segment_width, layout.depth)
    return _without_predictor(samples, layout)


def _parted(unpacked: bytes | bytearray, layout: Layout) -> Samples:
    """Convert bytes to samples, in the byte order of this machine."""
    if layout.bits % 8:
        kind, run = layout.sample_type, layout.segment_width * layout.depth
        parted: Samples = imagecodecs.packints_decode(unpacked, kind, layout.bits, runlen=run)
        return parted
    # with their predictor, floats are planes of bytes, the highest first, in any byte order
    order = "=" if layout.predictor is Predictor.FLOAT else layout.order
    return np.frombuffer(unpacked, layout.sample_type.newbyteorder(order))


def _without_predictor(samples: Samples, layout: Layout) -> Samples:
    if layout.predictor is Predictor.NONE:
        return samples
    native = samples.astype(samples.dtype.newbyteorder("="))
    if layout.predictor is Predictor.FLOAT:
        restored: Samples = imagecodecs.floatpred_decode(native, axis=-2)
        return restored
    whole = native.view(f"u{native.itemsize}")  # differences are of bit patterns, even for floats
    imagecodecs.delta_decode(whole, axis=-2, out=whole)
    return native


def _decode_lzw(segment: bytes, room: int) -> bytes | bytearray:
    lzw.check(segment, room)
    return imagecodecs.lzw_decode(segment, out=room)


def _decode_fax(segment: bytes, layout: Layout, rows: int) -> Samples:
    """Decode fax rows to 0 and 1."""
    width = layout.segment_width
    match layout.compression:
        case Compression.FAX_RLE:
            samples = imagecodecs.ccittrle_decode(segment, rows, width)
        case Compression.FAX3:
            options = layout.fax_options
            samples = imagecodecs.ccittfax3_decode(segment, rows, width, t4options=options)
        case _:
            samples = imagecodecs.ccittfax4_decode(segment, rows, width)
    return np.asarray(samples)
