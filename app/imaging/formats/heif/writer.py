"""Write items into a new file: ISO/IEC 14496-12, section 8.11, and ISO/IEC 23008-12."""

import struct

from app.imaging.formats.heif.boxes import Box, write_box, write_full_box
from app.imaging.formats.heif.items import Item

_HDLR = write_full_box(b"hdlr", bytes(4), b"pict", bytes(13))
_DESCRIPTIVE = (b"ispe", b"pixi", b"colr", b"auxC")  # which readers may disregard


def write_items(brand: bytes, items: list[Item]) -> bytes:
    """Return a file of items with ids from 1, of which the first is the primary one."""
    ftyp = write_box(b"ftyp", brand, bytes(4), brand, b"mif1miaf")
    length = len(_meta(items, 0))
    meta = _meta(items, len(ftyp) + length + 8)
    return b"".join((ftyp, meta, write_box(b"mdat", *(item.data for item in items))))


def _meta(items: list[Item], start: int) -> bytes:
    """Return the lists of items, whose data begin at `start`."""
    places, infos = [], []
    for number, item in enumerate(items, start=1):
        places.append(struct.pack(">HHHII", number, 0, 1, start, len(item.data)))
        start += len(item.data)
        head = b"\2\0\0\0" + struct.pack(">HH4sB", number, 0, item.kind, 0)
        kind = item.content_type + b"\0" if item.content_type else b""
        infos.append(write_box(b"infe", head, kind))
    count = struct.pack(">H", len(items))
    return write_full_box(
        b"meta",
        _HDLR,
        write_full_box(b"pitm", struct.pack(">H", 1)),
        write_full_box(b"iloc", b"\x44\0", count, *places),
        write_full_box(b"iinf", count, *infos),
        _references(items),
        _properties(items),
    )


def _references(items: list[Item]) -> bytes:
    parts = []
    for number, item in enumerate(items, start=1):
        for kind, targets in item.references.items():
            to = struct.pack(f">HH{len(targets)}H", number, len(targets), *targets)
            parts.append(write_box(kind, to))
    return write_full_box(b"iref", *parts) if parts else b""


def _properties(items: list[Item]) -> bytes:
    places: dict[Box, int] = {}
    associations = []
    for number, item in enumerate(items, start=1):
        indices = [
            places.setdefault(each, len(places) + 1) | (0 if each.name in _DESCRIPTIVE else 0x8000)
            for each in item.properties
        ]
        if indices:
            numbers = struct.pack(f">HB{len(indices)}H", number, len(indices), *indices)
            associations.append(numbers)
    container = write_box(b"ipco", *(write_box(*each) for each in places))
    count = struct.pack(">I", len(associations))
    return write_box(b"iprp", container, write_box(b"ipma", b"\0\0\0\1", count, *associations))
