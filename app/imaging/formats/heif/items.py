"""The items of a file, ISO/IEC 14496-12, section 8.11, and their properties, ISO/IEC 23008-12.

Every count and offset is checked: extents lie within the file and do not overlap so much that all
items together would outgrow it, and no list is longer than `MAX_ITEMS`.
"""

import struct
from collections import defaultdict
from dataclasses import dataclass, field

from app.imaging.formats.heif.boxes import Box, boxes, boxes_of_file
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import Change, Changes, UnreadableImage, UnsupportedImage

MAX_ITEMS = 2000
MAX_LINKS = 100_000  # extents and associated properties of items; a large grid has some thousands

_OFFSET, _IDAT = 0, 1  # construction methods: offsets within the file, or the idat box
_META, _FRAMES, _FILM = b"meta", b"moov", b"mpvd"
_KNOWN = {b"ftyp", _META, _FRAMES, _FILM, b"mdat", b"free", b"skip", b"wide"}  # boxes of a file


@dataclass(slots=True)
class Item:
    """An item: its type, its bytes, its properties in order, and its references."""

    kind: bytes = b""
    content_type: bytes = b""
    hidden: bool = False
    data: bytes = field(default=b"", repr=False)
    properties: list[Box] = field(default_factory=list, repr=False)
    references: dict[bytes, list[int]] = field(default_factory=dict)

    def first(self, name: bytes) -> bytes | None:
        """Return the contents of the first property of a name."""
        return next((each.body for each in self.properties if each.name == name), None)

    def coding(self, name: bytes) -> Box | None:
        """Return the first property of a name that suits a decoder, which gets no ICC profile."""
        for each in self.properties:
            if each.name == name and (name != b"colr" or each.body[:4] == b"nclx"):
                return each
        return None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height from the `ispe` property."""
        body = self.first(b"ispe")
        if body is None or len(body) != 12:
            raise UnreadableImage("The image does not say how large it is.")
        width, height = struct.unpack_from(">II", body, 4)
        return width, height


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a file by id, and the id of the primary one.

    `has_frames` tells whether the file also has a sequence of images: frames in time. `lost` is
    what the file contains besides its items.
    """

    by_number: dict[int, Item]
    primary: int
    has_frames: bool = False
    lost: Changes = frozenset()

    def __getitem__(self, number: int) -> Item:
        if number not in self.by_number:
            raise UnreadableImage("The image refers to a part that is missing.")
        return self.by_number[number]

    def referring(self, kind: bytes, target: int) -> list[int]:
        """Return the items that refer to `target` with this type of reference."""
        return [
            number
            for number, item in self.by_number.items()
            if target in item.references.get(kind, ())
        ]


class _Reader:
    """A reader of big-endian numbers."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def number(self, size: int) -> int:
        end = self._position + size
        if end > len(self._data):
            raise UnreadableImage("The image is damaged: a list is shorter than it says.")
        value = int.from_bytes(self._data[self._position : end], "big")
        self._position = end
        return value

    def rest(self) -> bytes:
        return self._data[self._position :]

    def count(self, size: int) -> int:
        """Read a count, and check it against the limit."""
        value = self.number(size)
        if value > MAX_ITEMS:
            raise UnsupportedImage(f"The image has more than {MAX_ITEMS} parts.")
        return value


def read_items(data: bytes) -> Items:
    """Return the items of a file; raises `UnreadableImage` if its lists are inconsistent."""
    outer, trailer = boxes_of_file(data, {_META})
    metas = [box.body for box in outer if box.name == _META]
    if len(metas) != 1:
        raise UnreadableImage("The image has no list of its parts, or several.")
    parts: dict[bytes, bytes] = {}
    for box in boxes(memoryview(metas[0])[4:]):
        parts.setdefault(box.name, box.body)
    if not {b"pitm", b"iloc", b"iinf", b"iprp"} <= parts.keys():
        raise UnreadableImage("The image does not say where its parts are.")
    items = _infos(parts[b"iinf"])
    _locate(items, parts[b"iloc"], data, parts.get(b"idat", b""))
    _describe(items, parts[b"iprp"])
    _refer(items, parts.get(b"iref"))
    primary = _Reader(parts[b"pitm"])
    version = primary.number(4) >> 24
    names = {box.name for box in outer}
    lost = set(in_trailer(trailer))
    if _FILM in names:  # the video of a motion photo
        lost.add(Change.FILM)
    if not names <= _KNOWN:
        lost.add(Change.METADATA)
    number = primary.number(4 if version else 2)
    return Items(items, number, _FRAMES in names, frozenset(lost))


def _infos(body: bytes) -> dict[int, Item]:
    reader = _Reader(body)
    count = reader.count(4 if reader.number(4) >> 24 else 2)
    items: dict[int, Item] = {}
    entries = [box.body for box in boxes(reader.rest()) if box.name == b"infe"]
    if len(entries) != count:
        raise UnreadableImage("The image has other parts than it says.")
    for entry in entries:
        reader = _Reader(entry)
        head = reader.number(4)
        if head >> 24 not in (2, 3):
            raise UnsupportedImage("The list of the image's parts is of an obsolete kind.")
        number = reader.number(2 if head >> 24 == 2 else 4)
        reader.number(2)
        kind = reader.number(4).to_bytes(4, "big")
        content = reader.rest().split(b"\0")[1:2] if kind == b"mime" else []
        if number in items:
            raise UnreadableImage("Two parts of the image have the same number.")
        items[number] = Item(kind, b"".join(content), hidden=bool(head & 1))
    return items


def _locate(items: dict[int, Item], body: bytes, data: bytes, idat: bytes) -> None:
    reader = _Reader(body)
    version = reader.number(4) >> 24
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> s & 15 for s in (12, 8, 4, 0))
    total = places = 0
    for _ in range(reader.count(4 if version == 2 else 2)):
        item = items.get(reader.number(4 if version == 2 else 2))
        method = reader.number(2) & 15 if version else _OFFSET
        from_file = reader.number(2) == 0
        base, extents = reader.number(base_size), []
        source = data if method == _OFFSET else idat
        count = reader.count(2)
        places += count
        _check_links(places)
        for _ in range(count):
            reader.number(index_size if version else 0)
            start = base + reader.number(offset_size)
            length = reader.number(length_size) or len(source) - start
            total += max(length, 0)
            if not from_file or method not in (_OFFSET, _IDAT) or start + length > len(source):
                raise UnreadableImage("A part of the image lies outside of its file.")
            if length < 0 or total > len(data) + len(idat):
                raise UnreadableImage("The parts of the image overlap.")
            extents.append(source[start : start + length])
        if item is not None:
            item.data = b"".join(extents)


def _describe(items: dict[int, Item], body: bytes) -> None:
    inner = list(boxes(body))
    containers = [box.body for box in inner if box.name == b"ipco"]
    if len(containers) != 1:
        raise UnreadableImage("The image has no list of properties, or several.")
    known, links = list(boxes(containers[0])), 0
    for association in (box.body for box in inner if box.name == b"ipma"):
        reader = _Reader(association)
        head = reader.number(4)
        size = 2 if head & 1 else 1
        for _ in range(reader.count(4)):
            item = items.get(reader.number(4 if head >> 24 else 2))
            count = reader.number(1)
            links += count
            _check_links(links)
            for _ in range(count):
                index = reader.number(size) & ((1 << (8 * size - 1)) - 1)
                if index > len(known):
                    raise UnreadableImage("A part of the image has a property that is missing.")
                if item is not None and index:
                    item.properties.append(known[index - 1])


def _check_links(count: int) -> None:
    if count > MAX_LINKS:
        raise UnsupportedImage(f"The parts of the image have more than {MAX_LINKS} links.")


def _refer(items: dict[int, Item], body: bytes | None) -> None:
    if body is None:
        return
    size = 4 if body[:1] != b"\0" else 2
    total, found = 0, defaultdict[tuple[int, bytes], list[int]](list)
    for box in boxes(memoryview(body)[4:]):
        reader = _Reader(box.body)
        source, count = reader.number(size), reader.count(2)
        total += count
        if total > MAX_ITEMS:
            raise UnsupportedImage(f"The image has more than {MAX_ITEMS} references.")
        found[source, box.name] += [reader.number(size) for _ in range(count)]
    for (source, kind), targets in found.items():
        if source in items:
            items[source].references[kind] = targets
