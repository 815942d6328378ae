"""Read a PNM or PAM into a picture."""

import re

import numpy as np

from app.imaging.formats.pnm.head import GREATEST, Head, is_pnm, read_head
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
from app.imaging.samples import Samples, deinterleave, spread
from app.imaging.stack import Stack

MAX_COMMENTS = 10_000
"""Maximum comments among samples in text: the text between each two takes memory."""

_COMMENT = re.compile(rb"#[^\n\r]*")
_BETWEEN = b"\t\n\v\f\r "
_TEXT_BYTES = 8  # bytes of memory per byte of text; a sample has at least two


def read_header(data: bytes) -> Header:
    """Read the size; of several images in one file, the others count as frames."""
    head = read_head(data)
    follows = not head.is_plain and is_pnm(data[head.start + head.size :])
    return Header(
        Format.PNM,
        head.width,
        head.height,
        Stack(1 + follows),
        pixel_bytes=max(16, 6 * head.channels * head.sample_bytes),
        more_bytes=_TEXT_BYTES * len(data) if head.is_plain else 0,
    )


def decode(data: bytes) -> Picture:
    """Decode grey or RGB, scaled from any white to 8 or 16 bits, with alpha or one more channel.

    Bits become 8-bit grey.
    """
    head = read_head(data)
    samples = _of_text(data, head) if head.is_plain else _of_bytes(data, head)
    if head.is_bits:
        samples = 1 - samples
    elif samples.max() > head.white:
        raise UnreadableImage("The PNM image has samples above its white.")
    if head.white not in (255, GREATEST):
        samples = spread(samples, head.white)
    pixels, last = deinterleave(samples.reshape(head.height, head.width, head.channels))
    white = None if head.is_bits or head.white in (255, GREATEST) else head.white
    # the last number of a text without an end may have lost digits
    may_be_cut = head.is_plain and not head.is_bits and data[-1:].isdigit()
    changes = those_of({Change.DEPTH: head.is_bits, Change.END: may_be_cut})
    if not head.is_plain:
        changes |= in_trailer(data[head.start + head.size :])
    return Picture(
        pixels,
        last if head.has_alpha else None,
        Format.PNM,
        Metadata(native=head.comments, lossless=True, white=white),
        changes,
        extra=None if head.has_alpha else last,
    )


def _of_bytes(data: bytes, head: Head) -> Samples:
    """Return big-endian samples of 8 or 16 bits, or bits."""
    if len(data) - head.start < head.size:
        raise UnreadableImage("The PNM image is truncated.")
    if head.is_bits:
        rows = np.frombuffer(data, np.uint8, head.size, head.start).reshape(head.height, -1)
        return np.unpackbits(rows, axis=1, count=head.width)
    count = head.size // head.sample_bytes
    stored = np.frombuffer(data, f">u{head.sample_bytes}", count, head.start)
    return stored.astype(stored.dtype.newbyteorder("="))


def _of_text(data: bytes, head: Head) -> Samples:
    """Return samples written as decimal numbers; bits need no separator."""
    if data.count(b"#", head.start) > MAX_COMMENTS:
        raise UnsupportedImage(f"The PNM image has more than {MAX_COMMENTS} comments.")
    text = _COMMENT.sub(b"", data[head.start :])
    if text.translate(None, b"0123456789" + _BETWEEN):
        raise UnreadableImage("The PNM image has samples that are no numbers.")
    count = head.width * head.height * head.channels
    if head.is_bits:
        numbers = np.frombuffer(text.translate(None, _BETWEEN), np.uint8) - ord("0")
    else:
        numbers = np.fromstring(text, np.int64, sep=" ") if text.strip() else np.empty(0, np.int64)
    if len(numbers) < count:
        raise UnreadableImage("The PNM image is truncated.")
    if len(numbers) > count or numbers.max() > head.white:
        raise UnreadableImage("The PNM image is not what it declares.")
    return numbers.astype(f"u{head.sample_bytes}")
