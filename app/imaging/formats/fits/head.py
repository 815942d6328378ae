"""The headers of a FITS file: find the image among its units, and how it is stored.

Headers are parsed here but never rewritten: the metadata of an observation, its coordinates, scale
and history are returned card by card. Sections are those of FITS standard 4.0.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.imaging.formats import volume
from app.imaging.picture import UnreadableImage, UnsupportedImage
from app.imaging.stack import Stack

OPENING = b"SIMPLE  ="
BLOCK, CARD = 2880, 80
MAX_BLOCKS = 1000
"""Maximum blocks of all headers up to the first image; those of telescopes have some tens."""
MAX_SIDES = 999
MAX_UNITS = 100
"""Maximum units up to the first image."""
COLOURS = (3, 4)
"""Maximum planes of a cube that are taken for colours or filters, each with its own range."""

_TYPES = {8: "u1", 16: ">i2", 32: ">i4", -32: ">f4", -64: ">f8"}
_OFFSETS = {8: -128, 16: 1 << 15, 32: 1 << 31}  # BZERO that makes numbers signed, or unsigned
_VALUE = re.compile(rb"([A-Z0-9_-]{1,8}) *= *(?:'((?:[^']|'')*)'|([^/ ]*))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head(volume.Head):
    """What is known of the samples, and of their header."""

    is_moved: bool
    """Whether an offset flips the highest bit, as in unsigned numbers of 16 bits."""
    blank: int | None
    """The stored number that means no data."""
    is_top_down: bool
    """Whether the first row is the highest, as written by some camera programs, not the lowest."""
    header: int
    """The offset of the header, in bytes."""


def read_head(data: bytes) -> Head:
    """Return the first unit that is an image; raises UnreadableImage and UnsupportedImage."""
    position, blocks = 0, 0
    for _ in range(MAX_UNITS):
        if position >= len(data):
            break
        cards, start = _cards(data, position, MAX_BLOCKS - blocks)
        blocks += (start - position) // BLOCK
        if _number(cards, "NAXIS") > MAX_SIDES:
            raise UnreadableImage("The FITS has dimensions that make no sense.")
        sides = [_number(cards, f"NAXIS{n}") for n in range(1, _number(cards, "NAXIS") + 1)]
        kind = cards.get("XTENSION", "IMAGE").strip()
        if kind == "IMAGE" and len(sides) > 1 and min(sides) > 0:
            return _head(cards, sides, position, start)
        if cards.get("ZIMAGE", "").strip() == "T":
            raise UnsupportedImage("A FITS of compressed images is not supported; unpack it.")
        size = abs(_number(cards, "BITPIX")) // 8 * _number(cards, "GCOUNT", 1)
        held = size * (_number(cards, "PCOUNT") + (math.prod(sides) if sides else 0))
        if held < 0:
            raise UnreadableImage("The FITS has sizes that make no sense.")
        position = start + -(-held // BLOCK) * BLOCK
    raise UnsupportedImage("The FITS holds no image of two dimensions or three.")


def cards(header: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the position and the keyword of each card."""
    for place in range(0, len(header), CARD):
        yield place, header[place : place + 8].rstrip()


def _head(cards: dict[str, str], sides: list[int], header: int, start: int) -> Head:
    width, height, *more = sides
    while more and more[-1] == 1:
        more.pop()
    if len(more) > 1:
        raise UnsupportedImage("A FITS image of more than three dimensions is not supported.")
    frames = more[0] if more else 1
    bits = _number(cards, "BITPIX")
    if bits not in _TYPES:
        raise UnsupportedImage(f"A FITS image of {bits} bits is not supported.")
    offset, scale = _real(cards, "BZERO", 0), _real(cards, "BSCALE", 1)
    blank = _number(cards, "BLANK") if bits > 0 and "BLANK" in cards else None
    return Head(
        width=width,
        height=height,
        stack=Stack(frames, channels=frames if frames in COLOURS else 1),
        dtype=np.dtype(_TYPES[bits]),
        is_moved=bits > 0 and scale == 1 and offset == _OFFSETS[bits],
        blank=blank,
        is_top_down=cards.get("ROWORDER", "").strip() == "TOP-DOWN",
        header=header,
        offset=start,
    )


def _cards(data: bytes, position: int, most: int) -> tuple[dict[str, str], int]:
    """Return the values of a header of limited blocks by keyword, and the end of the header.

    Of several cards with one keyword, the first counts.
    """
    found: dict[str, str] = {}
    for block in range(position, position + most * BLOCK, BLOCK):
        if block + BLOCK > len(data):
            break
        for place in range(block, block + BLOCK, CARD):
            card = data[place : place + CARD]
            if card.rstrip() == b"END":
                return found, block + BLOCK
            value = _VALUE.match(card)
            if value is not None:
                said = value[3] if value[2] is None else value[2]
                found.setdefault(value[1].decode(), said.decode("latin-1"))
    raise UnreadableImage("The FITS has a header that is truncated, or too long.")


def _number(cards: dict[str, str], name: str, default: int = 0) -> int:
    said = cards.get(name)
    if said is None:
        return default
    if not re.fullmatch(r"[+-]?\d{1,18}", said):
        raise UnreadableImage(f"The FITS has a card {name} that makes no sense.")
    return int(said)


def _real(cards: dict[str, str], name: str, default: float) -> float:
    try:
        return float(cards[name].replace("D", "E")) if name in cards else default
    except ValueError:
        raise UnreadableImage(f"The FITS has a card {name} that makes no sense.") from None
