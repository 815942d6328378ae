"""Read JPEG 2000: boxes and headers by our own parser, samples by OpenJPEG, which sees no boxes."""

from dataclasses import replace

import imagecodecs
import numpy as np

from app.imaging.formats.jp2.codestream import END, WORKING, Component, Head, check, read_head
from app.imaging.formats.jp2.container import PREMULTIPLIED, YCC, Contents, read_file
from app.imaging.formats.jp2.palette import look_up
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import (
    Change,
    Format,
    Header,
    Metadata,
    Picture,
    UnreadableImage,
    UnsupportedImage,
    those_of,
)
from app.imaging.samples import deinterleave, unpremultiply, widen, ycc_to_rgb
from app.imaging.stack import Stack

_DEEPEST = 16  # bits
_INDEX = 10  # bits of an index of a palette, which has 1024 colours at most


def read_header(data: bytes) -> Header:
    """Read the size and the sample type of the image; further images count as frames."""
    contents, head = _read(data)
    kind = _kind(head)
    more = 0 if contents.palette is None else 6  # of its colours, and a copy of them
    return Header(
        Format.JP2,
        head.width,
        head.height,
        Stack(contents.streams),
        pixel_bytes=max(16, len(head.components) * (WORKING + (4 if kind.bits > 8 else 2)) + more),
        more_bytes=head.more_bytes,
        segments=head.tiles,
    )


def decode(data: bytes) -> Picture:
    """Decode grey or RGB of 1 to 16 bits, with alpha or one more channel.

    Fewer than 8 bits are scaled to 8, and 9 to 15 to 16. Signed samples stay unchanged, and their
    result is a TIFF.
    """
    contents, head = _read(data)
    kind, end = _kind(head), check(contents.stream, head)
    samples = imagecodecs.jpeg2k_decode(contents.stream[:end] + END, numthreads=1)
    samples = samples.reshape(*samples.shape[:2], -1)
    expected = np.dtype(f"{'i' if kind.is_signed else 'u'}{1 if kind.bits <= 8 else 2}")
    shape = head.height, head.width, len(head.components)
    if samples.shape != shape or samples.dtype != expected:
        raise UnreadableImage("The JPEG 2000 image is not what it declares.")
    if contents.palette is not None:
        samples = look_up(samples, contents.palette)
    elif not kind.is_signed:
        samples = widen(samples, kind.bits)
    pixels, last = deinterleave(samples)
    is_ycc = contents.space == YCC and pixels.shape[-1] == 3
    if is_ycc:
        pixels = ycc_to_rgb(pixels)
    if last is not None and contents.alpha == PREMULTIPLIED:
        pixels = unpremultiply(pixels, last)
    rest = contents.stream[end:]
    changes = {
        Change.ALPHA: contents.alpha == PREMULTIPLIED,
        Change.COLOURS: is_ycc or contents.palette is not None,
        Change.END: not rest.startswith(END),
    }
    picture = Picture(
        pixels,
        last if contents.alpha else None,
        Format.JP2,
        _described(contents, head, kind),
        contents.changes | those_of(changes) | in_trailer(rest.removeprefix(END)),
        extra=None if contents.alpha else last,
    )
    return _as_tiff(picture, kind) if kind.is_signed else picture


def _read(data: bytes) -> tuple[Contents, Head]:
    """Read boxes and main header; refuses boxes whose channels contradict the codestream."""
    contents = read_file(data)
    head = read_head(contents.stream)
    count = len(head.components)
    if contents.palette is not None:
        if contents.alpha or count > 1 or _kind(head).is_signed or _kind(head).bits > _INDEX:
            raise UnsupportedImage(
                f"A JPEG 2000 of a palette is read if it has one unsigned channel of {_INDEX} bits "
                "at most."
            )
        return contents, head
    if contents.channels > count:
        raise UnreadableImage("The JPEG 2000 file describes channels that it does not have.")
    if contents.alpha and (contents.channels < count or count % 2):
        raise UnsupportedImage("The JPEG 2000 image has alpha that is not beside grey or RGB.")
    return contents, head


def _kind(head: Head) -> Component:
    """Return the type of all components; raises UnsupportedImage if they differ."""
    kinds = set(head.components)
    if len(kinds) > 1:
        raise UnsupportedImage("The JPEG 2000 image has components that differ in size or depth.")
    (kind,) = kinds
    if kind.apart != (1, 1) or kind.bits > _DEEPEST:
        raise UnsupportedImage(
            f"A JPEG 2000 of {kind.bits} bits, or of components smaller than the image, is not "
            "supported."
        )
    return kind


def _described(contents: Contents, head: Head, kind: Component) -> Metadata:
    is_whole = kind.bits in (8, 16) or kind.is_signed or contents.palette is not None
    white = None if is_whole else (1 << kind.bits) - 1
    return replace(contents.metadata, lossless=head.is_reversible, white=white)


def _as_tiff(picture: Picture, kind: Component) -> Picture:
    """Return a picture of signed samples as a TIFF, with the metadata that a TIFF can store."""
    changes = {
        Change.FORMAT: True,
        Change.DEPTH: kind.bits not in (8, 16),
        Change.METADATA: bool(picture.metadata.native),
    }
    return replace(
        picture,
        format=Format.TIFF,
        metadata=replace(picture.metadata, native=(), lossless=False),
        changes=picture.changes | those_of(changes),
    )
