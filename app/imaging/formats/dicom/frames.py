"""Decode the frames of a DICOM, which are stored as plain samples or as a stream each.

Streams are decoded only if they declare the same size as the data set. The transfer syntaxes are
those of PS3.5, annex A.
"""

from collections.abc import Iterator
from itertools import islice

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.encaps import generate_frames

from app.imaging.formats.dicom.dataset import Scan
from app.imaging.formats.dicom.kind import Kind
from app.imaging.formats.dicom.palette import PALETTE, palette_of
from app.imaging.formats.dicom.streams import (
    check_end,
    check_jpeg,
    codestream_of,
    nearness,
    sides_of_jpeg,
)
from app.imaging.formats.jp2 import codestream
from app.imaging.formats.jpeg.frame import Transform, read_frame
from app.imaging.formats.jpeg.rebuild import rebuild
from app.imaging.picture import UnreadableImage, UnsupportedImage
from app.imaging.samples import Samples, ycc_to_rgb

_NATIVE = {uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian}
_LOSSY = {
    *(uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless),
    *(uid.JPEG2000, uid.JPEG2000MC, uid.HTJ2K),
}
_JPEG = {uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1}
_JPEG_LS = {uid.JPEGLSLossless, uid.JPEGLSNearLossless}
_JPEG_2000 = {uid.JPEG2000Lossless, uid.JPEG2000}
_JPEG_2000 |= {uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K}

_HALVED = "YBR_FULL_422"
"""A photometric interpretation of which uncompressed pixels share chroma in pairs: Y, Y, Cb, Cr."""


def is_lossy(scan: Scan) -> bool:
    """Return whether the samples were compressed with loss."""
    return scan.syntax in _LOSSY


def inexactness(scan: Scan, kind: Kind) -> int:
    """Return the maximum error of samples in near-lossless compression."""
    if scan.syntax != uid.JPEGLSNearLossless:
        return 0
    return nearness(next(generate_frames(scan.pixels, number_of_frames=kind.frames)))


def check(scan: Scan, kind: Kind) -> None:
    """Raise UnsupportedImage or UnreadableImage for frames that cannot be decoded."""
    name = scan.syntax.name
    known = _NATIVE | {uid.RLELossless} | _JPEG | _JPEG_LS | _JPEG_2000
    if scan.syntax not in known:
        raise UnsupportedImage(f"A DICOM of transfer syntax {name!r} is not supported.")
    if scan.is_encapsulated == (scan.syntax in _NATIVE):
        raise UnreadableImage("The DICOM has pixels that are not of its transfer syntax.")
    grey = kind.channels == 1 and kind.photometric in ("MONOCHROME1", "MONOCHROME2")
    colour = kind.channels == 3 and kind.allocated == kind.stored and not kind.is_signed
    colours = {"RGB", "YBR_FULL", _HALVED}
    if scan.is_encapsulated:
        colours |= {"YBR_ICT", "YBR_RCT"}
    is_palette = kind.channels == 1 and kind.photometric == PALETTE and not kind.is_signed
    if not (grey or is_palette or (colour and kind.photometric in colours)):
        raise UnsupportedImage(
            f"A DICOM of {kind.channels} samples a pixel, {kind.photometric}, is not supported: it "
            "must be MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB or YBR_FULL."
        )
    if is_palette and is_lossy(scan):
        raise UnsupportedImage("A DICOM of a palette that is coded with loss is not supported.")
    if is_palette:
        palette_of(scan.dataset)
    if not scan.is_encapsulated and _is_halved(kind) and kind.columns % 2:
        raise UnreadableImage("The DICOM has pairs of pixels, and rows of an odd number of them.")
    if not scan.is_encapsulated and len(scan.pixels) < _size(kind) * kind.frames:
        raise UnreadableImage("The DICOM image is truncated.")


def more_bytes(scan: Scan, kind: Kind) -> int:
    """Return the bytes that decoding a frame takes besides its samples, by OpenJPEG.

    Raises UnreadableImage and UnsupportedImage for a frame whose header is not accepted.
    """
    if scan.syntax not in _JPEG_2000:
        return 0
    streams = islice(generate_frames(scan.pixels, number_of_frames=kind.frames), kind.frames)
    most = max((_head(codestream_of(each), kind).more_bytes for each in streams), default=0)
    return most + codestream.WORKING * kind.channels * kind.rows * kind.columns


def frames(scan: Scan, kind: Kind) -> Iterator[Samples]:
    """Yield each frame [rows, columns, channels], in the type of the samples of the data set."""
    if scan.is_encapsulated:
        yield from (_valued(raw, kind) for raw in _decoded(scan, kind))
        return
    is_rgb = kind.channels == 1 or kind.photometric == "RGB"
    for raw in _native(scan, kind):
        yield _valued(raw if is_rgb else ycc_to_rgb(raw), kind)


def _is_halved(kind: Kind) -> bool:
    return kind.channels == 3 and kind.photometric == _HALVED


def _full_chroma(samples: Samples) -> Samples:
    """Return Y, Cb and Cr of each pixel, given pairs that share chroma."""
    pairs = samples.reshape(-1, 4)
    result = np.empty((len(pairs), 2, 3), samples.dtype)
    result[..., 0] = pairs[:, :2]
    result[..., 1:] = pairs[:, None, 2:]
    return result.reshape(-1)


def _size(kind: Kind) -> int:
    """Return the bytes of an uncompressed frame."""
    channels = 2 if _is_halved(kind) else kind.channels
    return kind.rows * kind.columns * channels * kind.allocated // 8


def _native(scan: Scan, kind: Kind) -> Iterator[Samples]:
    is_big = scan.syntax == uid.ExplicitVRBigEndian
    dtype = kind.dtype.newbyteorder(">" if is_big else "<")
    pixels, size = scan.pixels, _size(kind)
    if scan.is_swapped and kind.allocated == 8:
        pixels = np.frombuffer(pixels[: len(pixels) // 2 * 2], "u2").byteswap().tobytes()
    for number in range(kind.frames):
        frame = np.frombuffer(pixels, dtype, size // dtype.itemsize, number * size)
        frame = _full_chroma(frame) if _is_halved(kind) else frame
        yield _arranged(frame, kind, is_planar=kind.is_planar and not _is_halved(kind))


def _decoded(scan: Scan, kind: Kind) -> Iterator[Samples]:
    parts = generate_frames(scan.pixels, number_of_frames=kind.frames)
    count = 0
    for count, stream in enumerate(parts, 1):
        if count > kind.frames:
            break
        yield _frame(stream, scan.syntax, kind)
    if count != kind.frames:
        raise UnreadableImage("The DICOM has not as many frames as it declares.")


def _frame(stream: bytes, syntax: uid.UID, kind: Kind) -> Samples:
    may_be_ybr = kind.channels == 3 and kind.photometric.startswith("YBR_FULL")
    if syntax == uid.RLELossless:
        samples = _run_lengths(stream, kind)
        return ycc_to_rgb(samples) if may_be_ybr else samples
    if syntax in _JPEG_2000:
        return _jpeg_2000(codestream_of(stream), syntax, kind)
    if sides_of_jpeg(stream) != (kind.rows, kind.columns):
        raise UnreadableImage("The DICOM has a frame that is not of the size that it declares.")
    if syntax in _JPEG_LS:
        check_end(stream)
        samples = imagecodecs.jpegls_decode(stream)
    elif syntax in _LOSSY and kind.allocated == 8:
        samples, may_be_ybr = _jpeg(stream, kind), False
    else:
        # chroma may be halved in both directions
        check_jpeg(stream, kind.rows * kind.columns * (3 if kind.channels == 3 else 2) // 2)
        samples = imagecodecs.jpeg8_decode(stream, colorspace=None if kind.channels == 1 else "RGB")
    return _in_rgb(samples, kind, may_be_ybr)


def _jpeg_2000(stream: bytes, syntax: uid.UID, kind: Kind) -> Samples:
    head = _head(stream, kind)
    codestream.check(stream, head, _free_segments(kind))
    samples = imagecodecs.jpeg2k_decode(stream, numthreads=1)
    if syntax in _LOSSY and samples.dtype.kind == kind.dtype.kind:
        samples = _limited(samples, kind)
    may_be_ybr = kind.channels == 3 and kind.photometric.startswith("YBR_FULL")
    return _in_rgb(samples, kind, may_be_ybr and not head.is_rotated)


def _head(stream: bytes, kind: Kind) -> codestream.Head:
    head = codestream.read_head(stream, _free_segments(kind))
    if (head.height, head.width, len(head.components)) != (kind.rows, kind.columns, kind.channels):
        raise UnreadableImage("The DICOM has a frame that is not of the size that it declares.")
    return head


def _free_segments(kind: Kind) -> int:
    """Return the header segments that a frame may have: frames share the limit for a file."""
    return codestream.SEGMENTS_A_TILE + codestream.MAX_SEGMENTS // kind.frames


def _in_rgb(samples: Samples, kind: Kind, is_ybr: bool) -> Samples:
    """Return decoded samples [rows, columns, channels] in the type of the data set."""
    if samples.dtype.itemsize * 8 != kind.allocated:  # for example 8 bits in 16
        samples = samples.astype(kind.dtype)
    arranged = _arranged(samples, kind, is_planar=False)
    return ycc_to_rgb(arranged) if is_ybr else arranged


def _jpeg(stream: bytes, kind: Kind) -> Samples:
    """Decode a JPEG; if the stream does not tell its colour space, the data set does."""
    frame = read_frame(stream)
    transform = frame.transform
    if not frame.is_jfif and frame.adobe is None:
        transform = Transform.NONE if kind.photometric == "RGB" else Transform.YCC
    return np.asarray(imagecodecs.jpeg8_decode(rebuild(stream, frame, transform).stream))


def _limited(samples: Samples, kind: Kind) -> Samples:
    """Clip samples to the range of the stored bits, which lossy compression may exceed."""
    (low, high), own = kind.limits, np.iinfo(samples.dtype)
    return np.clip(samples, max(low, own.min), min(high, own.max))


def _run_lengths(stream: bytes, kind: Kind) -> Samples:
    """Decode PackBits, with a plane for each byte of the samples."""
    size = kind.rows * kind.columns * kind.channels * kind.dtype.itemsize
    dtype, room = kind.dtype.newbyteorder("<"), bytearray(size)
    found = imagecodecs.dicomrle_decode(stream, dtype, out=room)
    if len(found) != len(room):
        raise UnreadableImage("The DICOM has a frame that is not of the size that it declares.")
    return _arranged(np.frombuffer(room, dtype), kind, is_planar=True)


def _arranged(samples: Samples, kind: Kind, *, is_planar: bool) -> Samples:
    shape = kind.rows, kind.columns
    if samples.size != kind.rows * kind.columns * kind.channels:
        raise UnreadableImage("The DICOM has a frame that is not of the size that it declares.")
    if is_planar:
        return np.moveaxis(samples.reshape(kind.channels, *shape), 0, -1)
    return samples.reshape(*shape, kind.channels)


def _valued(raw: Samples, kind: Kind) -> Samples:
    """Extract the stored bits from samples, ignoring all other bits."""
    bits = raw.astype(raw.dtype.newbyteorder("="), copy=False)
    if kind.stored == kind.allocated:
        return np.ascontiguousarray(bits).view(kind.dtype)
    unsigned = np.ascontiguousarray(bits).view(f"u{kind.allocated // 8}")
    moved = unsigned << np.uint8(kind.allocated - kind.high - 1)
    moved = moved.astype(unsigned.dtype, copy=False).view(kind.dtype)
    return np.asarray(moved >> np.uint8(kind.allocated - kind.stored))
