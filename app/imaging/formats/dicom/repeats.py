"""Elements that a DICOM file has twice, of which pydicom keeps the last and does not tell.

PS3.5, section 7: elements one after the other, of which sequences have items of further elements.
"""

from dataclasses import dataclass, field
from typing import Literal

ByteOrder = Literal["little", "big"]

_PREAMBLE = 132  # bytes
_META = b"\2\0"  # the group of what comes before the data set, explicit and little-endian
_ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFE_E000, 0xFFFE_E00D, 0xFFFE_E0DD
_LONG_LENGTH = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT",
                b"UV"}  # fmt: skip
_OF_ITEMS = (b"SQ", b"UN", b"")
_UNDEFINED = 0xFFFF_FFFF


@dataclass(slots=True)
class _Level:
    """The data set, or an item in it."""

    end: int
    tags: set[int] = field(default_factory=set)


def has_repeats(data: bytes, *, implicit: bool, order: ByteOrder) -> bool:
    """Return whether the data set, or an item at any depth, has an element twice.

    `data` is the file up to its pixels; where it is damaged, it counts up to there.
    """
    levels = [_Level(len(data))]
    place = _PREAMBLE
    while place + 8 <= len(data):
        while place >= levels[-1].end:
            levels.pop()
        if len(levels) == 1 and data[place : place + 2] == _META:
            tag, kind, place, length = _element(data, place, False, "little")
        else:
            tag, kind, place, length = _element(data, place, implicit, order)
        if tag == _ITEM:
            end = levels[-1].end
            levels.append(_Level(end if length == _UNDEFINED else min(place + length, end)))
        elif tag == _END_OF_ITEM:
            levels = levels[:-1] or levels
        elif tag != _END_OF_SEQUENCE:
            if tag in levels[-1].tags:
                return True
            levels[-1].tags.add(tag)
            if length != _UNDEFINED and not (
                kind in _OF_ITEMS and length >= 8 and _tag(data, place, order) == _ITEM
            ):
                place += length
    return False


def _element(
    data: bytes, place: int, implicit: bool, order: ByteOrder
) -> tuple[int, bytes, int, int]:
    """Return tag and type (if it has one) of an element, and start and length of its value."""
    tag, kind = _tag(data, place, order), data[place + 4 : place + 6]
    if implicit or tag >> 16 == _ITEM >> 16 or not kind.isalpha():  # those in UN are implicit
        return tag, b"", place + 8, int.from_bytes(data[place + 4 : place + 8], order)
    if kind in _LONG_LENGTH:
        return tag, kind, place + 12, int.from_bytes(data[place + 8 : place + 12], order)
    return tag, kind, place + 8, int.from_bytes(data[place + 6 : place + 8], order)


def _tag(data: bytes, place: int, order: ByteOrder) -> int:
    group, element = (int.from_bytes(data[at : at + 2], order) for at in (place, place + 2))
    return group << 16 | element
