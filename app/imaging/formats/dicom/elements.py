"""Count the elements of a DICOM file at all levels, and find repeated ones.

PS3.5, section 7: elements follow one another, and sequences have items of further elements. pydicom
accepts any number, and silently keeps the last of repeated ones. It looks up all names of character
sets, which takes longer than elements do, so their bytes count as elements.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from app.imaging.picture import TooManyPixels

ByteOrder = Literal["little", "big"]

_PREAMBLE, _HEAD = 132, 8  # bytes; the latter of an element header
_META = b"\2\0"  # the group of the meta information, which is explicit and little-endian
_ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFE_E000, 0xFFFE_E00D, 0xFFFE_E0DD
_LONG_LENGTH = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT",
                b"UV"}  # fmt: skip
_CHARACTER_SETS = 0x0008_0005
_NAME_COST = 2
"""Elements that a byte of a character set name counts as: an unknown name takes 7 us, and may have
two bytes with the separator.
"""
_OF_ITEMS = (b"SQ", b"UN", b"")
_UNDEFINED = 0xFFFF_FFFF


class Counted(io.BytesIO):
    """A file that limits the elements that its parser reads, including those of sequences.

    Raises TooManyPixels beyond the limit.
    """

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self._most = self._left = most
        self._names = False  # whether the value being read names character sets

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes; for each element and item, the parser first reads eight."""
        found = super().read(size)
        if size == _HEAD:
            self._left -= 1
            self._names = _CHARACTER_SETS in (_tag(found, 0, "little"), _tag(found, 0, "big"))
        elif self._names:
            self._left -= _NAME_COST * len(found)
        if self._left < 0:
            raise _too_many(self._most)
        return found


@dataclass(slots=True)
class _Level:
    """The data set, or an item nested in it."""

    end: int
    tags: set[int] = field(default_factory=set)


def has_repeats(data: bytes, *, implicit: bool, order: ByteOrder) -> bool:
    """Return whether the data set, or an item at any depth, has a repeated element.

    `data` is the file up to its pixels; if it is damaged, only the part before the damage counts.
    """
    for tags, tag, _ in _walk(data, implicit, order):
        if tag in tags:
            return True
        tags.add(tag)
    return False


def check_number(data: bytes, most: int, *, implicit: bool, order: ByteOrder) -> None:
    """Raise TooManyPixels for too many elements at all depths, whether or not parsed yet.

    Sequences of a stated length are parsed only when they are accessed.
    """
    left = most
    for _, tag, length in _walk(data, implicit, order):
        left -= 1 + (_NAME_COST * length if tag == _CHARACTER_SETS else 0)
        if left < 0:
            raise _too_many(most)


def _walk(data: bytes, implicit: bool, order: ByteOrder) -> Iterator[tuple[set[int], int, int]]:
    """Yield each element at any depth: the tags of its level so far, its own, and its length."""
    levels = [_Level(len(data))]
    place = _PREAMBLE
    while place + _HEAD <= len(data):
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
            yield levels[-1].tags, tag, length
            if length != _UNDEFINED and not (
                kind in _OF_ITEMS and length >= _HEAD and _tag(data, place, order) == _ITEM
            ):
                place += length


def _too_many(most: int) -> TooManyPixels:
    return TooManyPixels(f"The DICOM has too many elements; of its size, at most {most} are taken.")


def _element(
    data: bytes, place: int, implicit: bool, order: ByteOrder
) -> tuple[int, bytes, int, int]:
    """Return the tag and type (if any) of an element, and the start and length of its value."""
    tag, kind = _tag(data, place, order), data[place + 4 : place + 6]
    if implicit or tag >> 16 == _ITEM >> 16 or not kind.isalpha():  # items in UN are implicit
        return tag, b"", place + 8, int.from_bytes(data[place + 4 : place + 8], order)
    if kind in _LONG_LENGTH:
        return tag, kind, place + 12, int.from_bytes(data[place + 8 : place + 12], order)
    return tag, kind, place + 8, int.from_bytes(data[place + 6 : place + 8], order)


def _tag(data: bytes, place: int, order: ByteOrder) -> int:
    group, element = (int.from_bytes(data[at : at + 2], order) for at in (place, place + 2))
    return group << 16 | element
