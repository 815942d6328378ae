"""Image file directories: the tags of TIFF files, and of the EXIF blocks in other files.

Both are described in TIFF 6.0, section 2; BigTIFF is the same with 64-bit offsets. Files are
assumed to be hostile, so all sizes are bounded and values are views, never copies.
"""

import struct
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.imaging.picture import TooManyPixels
from app.imaging.tags import Tag

POINTERS = (Tag.EXIF, Tag.GPS, Tag.INTEROPERABILITY)  # their value is the offset of a directory
MAX_DIRECTORIES = 1 << 12
MAX_FIELDS = 4096
MAX_FIELDS_IN_ALL = 1 << 16  # of a chain of directories, broken ones included

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BIG_SIZES = _SIZES | {16: 8, 17: 8, 18: 8}
_INTEGERS = {BYTE: "u1", SHORT: "u2", LONG: "u4", UNDEFINED: "u1", 13: "u4", 16: "u8", 18: "u8"}


@dataclass(frozen=True, slots=True)
class Field:
    """The value of a tag: `count` items of a TIFF type, as bytes in the file's byte order.

    `position` is the offset of the value in the file.
    """

    kind: int
    count: int
    value: bytes | memoryview
    position: int = 0


Tree = dict[int, "Field | Tree"]
ByteOrder = Literal["<", ">"]


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory of a file: its fields by tag, and the position of the link to the next one.

    `broken` are the tags whose value has an unknown type or lies outside the file.
    """

    data: memoryview
    order: ByteOrder
    big: bool
    fields: dict[int, Field] = field(default_factory=dict)
    link: int = 0
    broken: frozenset[int] = frozenset()

    def integers(self, tag: int) -> NDArray[Any]:
        """Return the values of a tag; none if it is missing or not of an integer type."""
        found = self.fields.get(tag)
        if found is None or found.kind not in _INTEGERS:
            return np.empty(0, np.uint8)
        return np.frombuffer(found.value, self.order + _INTEGERS[found.kind])

    def integer(self, tag: int, default: int = 0) -> int:
        """Return the first value of a tag, or the default."""
        values = self.integers(tag)
        return int(values[0]) if values.size else default

    def rational(self, tag: int) -> float:
        """Return the first value of a tag; 0 if it is missing or not a rational number."""
        found = self.fields.get(tag)
        if found is None or found.kind != RATIONAL:
            return 0.0
        numerator, denominator = struct.unpack_from(self.order + "II", found.value)
        return numerator / denominator if denominator else 0.0


def directories(data: bytes) -> Iterator[Directory]:
    """Yield the directories of a TIFF structure, in the order of their chain.

    Raises `ValueError` or `struct.error` if the structure is broken or endless, and
    `TooManyPixels`, which is a `ValueError`, if it is too long.
    """
    order, big = _byte_order(data)
    view, seen, fields = memoryview(data), set[int](), 0
    (position,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    while position:
        if position in seen:
            raise ValueError("the chain of directories is endless")
        if len(seen) >= MAX_DIRECTORIES:
            raise TooManyPixels(f"The TIFF has more than {MAX_DIRECTORIES} pages.")
        seen.add(position)
        directory = _read(view, position, order, big)
        fields += (directory.link - position) // (20 if big else 12)
        if fields > MAX_FIELDS_IN_ALL:
            raise TooManyPixels(
                f"The pages of the TIFF have more than {MAX_FIELDS_IN_ALL} fields in all."
            )
        yield directory
        (position,) = struct.unpack_from(order + ("Q" if big else "I"), data, directory.link)


def first_directory(data: bytes) -> Directory | None:
    """Return the first directory of a TIFF structure; None if there is none, or it is damaged."""
    try:
        return next(directories(data), None)
    except (ValueError, struct.error):
        return None


def tree(directory: Directory, without: Container[int] = ()) -> Tree:
    """Return the fields of a directory, `without` some, and of the EXIF and GPS directories below.

    Raises `ValueError` if the values overlap so much that a copy would outgrow the file.
    """
    result = _tree(directory, without, levels=3)
    if _weight(result) > len(directory.data):
        raise ValueError("the values of the directory overlap")
    return result


def has_only_in_big(directory: Directory, without: Container[int]) -> bool:
    """Return whether `tree` leaves out fields, besides `without`, of types that only BigTIFF
    has.
    """
    kinds = {entry.kind for tag, entry in directory.fields.items() if tag not in without}
    return not kinds <= _SIZES.keys()


def pack(
    fields: Mapping[int, Field | Tree], order: ByteOrder, position: int, *, is_last: bool = True
) -> bytes:
    """Return a directory and those below it as bytes to be put at `position`, an even offset.

    It links to the one that follows immediately unless it is the last.
    """
    records, tail = bytearray(struct.pack(order + "H", len(fields))), bytearray()
    end = position + 2 + 12 * len(fields) + 4
    for tag in sorted(fields):
        entry, offset = fields[tag], end + len(tail)
        if isinstance(entry, dict):
            records += struct.pack(order + "HHII", tag, LONG, 1, offset)
            tail += pack(entry, order, offset)
        elif len(entry.value) <= 4:
            value = bytes(entry.value)
            records += struct.pack(order + "HHI4s", tag, entry.kind, entry.count, value)
        else:
            records += struct.pack(order + "HHII", tag, entry.kind, entry.count, offset)
            tail += entry.value
        tail += bytes(len(tail) % 2)
    link = 0 if is_last else end + len(tail)
    return bytes(records + struct.pack(order + "I", link) + tail)


def integers(order: ByteOrder, kind: int, *values: int) -> Field:
    """Return a field of `SHORT` or `LONG` values."""
    code = "H" if kind == SHORT else "I"
    return Field(kind, len(values), struct.pack(f"{order}{len(values)}{code}", *values))


def rational(order: ByteOrder, value: Fraction) -> Field:
    """Return a field of one `RATIONAL` value."""
    return Field(RATIONAL, 1, struct.pack(order + "II", value.numerator, value.denominator))


def header(order: ByteOrder, position: int) -> bytes:
    """Return the first eight bytes of a TIFF structure with its first directory at `position`."""
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", position)


def _byte_order(data: bytes) -> tuple[ByteOrder, bool]:
    match data[:4]:
        case b"II*\0":
            return "<", False
        case b"MM\0*":
            return ">", False
        case b"II+\0":
            return "<", True
        case b"MM\0+":
            return ">", True
    raise ValueError("not a TIFF structure")


def _read(data: memoryview, position: int, order: ByteOrder, big: bool) -> Directory:
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, position)
    if count > MAX_FIELDS:
        raise ValueError("too many fields in a directory")
    start, size = (position + 8, 20) if big else (position + 2, 12)
    fields: dict[int, Field] = {}
    broken: set[int] = set()
    for entry in range(start, start + count * size, size):
        tag, kind, number = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, entry)
        length = number * (_BIG_SIZES if big else _SIZES).get(kind, 0)
        where = entry + (12 if big else 8)
        if length > (8 if big else 4):
            (where,) = struct.unpack_from(order + ("Q" if big else "I"), data, where)
        if length and where + length <= len(data):
            fields.setdefault(tag, Field(kind, number, data[where : where + length], where))
        else:
            broken.add(tag)
    return Directory(data, order, big, fields, start + count * size, frozenset(broken))


def _tree(directory: Directory, without: Container[int], levels: int) -> Tree:
    result: Tree = {}
    for tag, entry in directory.fields.items():
        if tag in without or entry.kind not in _SIZES:
            continue
        if tag not in POINTERS:
            result[tag] = entry
        elif levels > 1:
            below = directory.integer(tag)
            try:
                child = _read(directory.data, below, directory.order, directory.big)
            except (ValueError, struct.error):
                continue
            result[tag] = _tree(child, (), levels - 1)
    return result


def _weight(fields: Tree) -> int:
    return sum(
        _weight(entry) if isinstance(entry, dict) else len(entry.value) for entry in fields.values()
    )
