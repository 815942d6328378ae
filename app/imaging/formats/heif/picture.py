"""Find the picture among the items of a file: one coded image or a grid of them, and its alpha.

The rules are those of ISO/IEC 23008-12, sections 6.5 and 6.6.2.3. The parts are written into a new
file, so that a decoder finds exactly what was checked here.
"""

import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from app.imaging.formats.heif.items import Item, Items
from app.imaging.formats.heif.writer import write_items
from app.imaging.picture import Change, Changes, UnreadableImage, UnsupportedImage

MAX_TILES = 1024
MAX_WASTE = 4  # maximum ratio of decoded pixels to those of the picture
_ALWAYS = 1 << 18  # pixels that smaller pictures count as having

DESCRIBING = (b"Exif", b"mime")  # types of items that describe others

_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_DEPTH_MAP = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth", b"urn:mpeg:hevc:2015:auxid:2")
_TURNS = (b"irot", b"imir")
_FOR_DECODERS = (b"ispe", b"pixi", b"colr")


class Window(NamedTuple):
    """The visible part of a coded picture, in whole pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Coded:
    """A coded picture: its size, its coded images in row order, and its grid item, if any."""

    width: int
    height: int
    kind: bytes
    tiles: tuple[Item, ...]
    grid: Item | None

    @property
    def waste(self) -> int:
        """Number of pixels by which the tiles exceed the picture."""
        width, height = self.tiles[0].size
        return len(self.tiles) * width * height - self.width * self.height

    def file(self, brand: bytes, settings: bytes) -> bytes:
        """Return a file of this image alone; `settings` names the property that configures the
        decoder.
        """
        kept = (*_FOR_DECODERS, settings)
        items = [
            replace(
                item,
                properties=[each for name in kept if (each := item.coding(name))],
                references={},
            )
            for item in ([self.grid] if self.grid else []) + list(self.tiles)
        ]
        if self.grid:
            items[0].references[b"dimg"] = list(range(2, len(items) + 1))
        return write_items(brand, items)


def coded(items: Items, number: int, kind: bytes) -> Coded:
    """Return the picture of an item: a coded image of type `kind`, or a grid of such images.

    Raises `UnsupportedImage` for any other derivation.
    """
    item = items[number]
    width, height = item.size
    if item.kind == kind:
        return Coded(width, height, kind, (item,), None)
    if item.kind != b"grid":
        raise UnsupportedImage("The image is made of others in a way that is not read here.")
    rows, columns, size = _grid(item.data)
    tiles = tuple(items[each] for each in item.references.get(b"dimg", ()))
    if len(tiles) != rows * columns or len(tiles) > MAX_TILES or size != (width, height):
        raise UnreadableImage("The grid of the image has other tiles than it says.")
    if len({id(tile) for tile in tiles}) < len(tiles):  # each is parsed, and written anew
        raise UnsupportedImage("The grid of the image shows a tile several times.")
    across, down = tiles[0].size
    fits = (columns - 1) * across < width <= columns * across
    fits &= (rows - 1) * down < height <= rows * down
    if not fits or any(tile.kind != kind or tile.size != (across, down) for tile in tiles):
        raise UnreadableImage("The tiles of the image do not make up its size.")
    found = Coded(width, height, kind, tiles, item)
    if found.waste > (MAX_WASTE - 1) * max(width * height, _ALWAYS):
        raise UnreadableImage("The tiles of the image are far larger than it is.")
    return found


def alpha_of(items: Items) -> int | None:
    """Return the id of the item that is the alpha of the image; None if there is none."""
    found = [
        number
        for number in items.referring(b"auxl", items.primary)
        if _auxiliary(items[number]) in _ALPHA
    ]
    return found[0] if found else None


def window(item: Item) -> Window:
    """Return the clean aperture of an item, by default all of it: ISO/IEC 14496-12, 12.1.4.

    Encoders that pad a picture to whole blocks declare one. Raises `UnsupportedImage` for fractions
    of pixels, and for an item that is rotated first.
    """
    width, height = item.size
    names = [each.name for each in item.properties if each.name in (b"clap", *_TURNS)]
    if b"clap" not in names:
        return Window(0, 0, width, height)
    terms = struct.unpack(">IIIIiIiI", item.first(b"clap") or b"")
    across, down, right, below = (Fraction(*terms[at : at + 2]) for at in (0, 2, 4, 6))
    shown = right + (width - across) / 2, below + (height - down) / 2, across, down
    if names.index(b"clap") or names.count(b"clap") > 1 or any(x.denominator > 1 for x in shown):
        raise UnsupportedImage("The image is to be cropped in a way that is not done here.")
    found = Window(*map(int, shown))
    right_edge, lower_edge = found.left + found.width, found.top + found.height
    if min(found) < 0 or right_edge > width or lower_edge > height:
        raise UnreadableImage("The image is to be cropped to an area outside of it.")
    if width * height > MAX_WASTE * max(found.width * found.height, _ALWAYS):
        raise UnreadableImage("The image is far larger than what is to be seen of it.")
    return found


def orientation(item: Item) -> int:
    """Return the EXIF orientation, 1 to 8, of the rotations and mirrorings of an item."""
    top_left, right = (0, 0), (1, 0)  # in the unit square, whose rows go right
    corners = [[(0, 0), (1, 0)], [(0, 1), (1, 1)]]
    for name, body in item.properties:
        if name == b"irot":
            for _ in range(body[0] & 3):  # anticlockwise
                corners = [list(row) for row in zip(*corners, strict=True)][::-1]
        if name == b"imir":
            corners = [row[::-1] for row in corners] if body[0] & 1 else corners[::-1]
    top_left, right = corners[0]
    return _ORIENTATIONS[top_left, right]


# by the corners of the stored picture that are uppermost once it is upright, as (x, y)
_ORIENTATIONS = {
    ((0, 0), (1, 0)): 1,
    ((1, 0), (0, 0)): 2,
    ((1, 1), (0, 1)): 3,
    ((0, 1), (1, 1)): 4,
    ((0, 0), (0, 1)): 5,
    ((0, 1), (0, 0)): 6,
    ((1, 1), (1, 0)): 7,
    ((1, 0), (1, 1)): 8,
}


def beside(items: Items, used: set[int]) -> Changes:
    """Return what the file contains besides its image, which consists of the items `used`."""
    changes = set()
    unused = items.by_number.keys() - used
    parts = {part for each in items.by_number.values() for part in each.references.get(b"dimg", ())}
    for number, item in items.by_number.items():
        auxiliary = _auxiliary(item)
        described = item.references.get(b"cdsc", ())
        if number in used:
            continue
        if item.kind in DESCRIBING:  # the description of another part is lost with that part
            if not described or not unused.issuperset(described):
                changes.add(Change.METADATA)
            continue
        if item.kind == b"tmap" or b"gainmap" in auxiliary:
            changes.add(Change.GAIN_MAP)
        elif auxiliary in _DEPTH_MAP:
            changes.add(Change.DEPTH_MAP)
        elif b"thmb" in item.references or auxiliary or item.hidden:
            changes.add(Change.METADATA)
        elif number not in parts:
            changes.add(Change.PICTURES)
    return frozenset(changes)


def _auxiliary(item: Item) -> bytes:
    """Return the type of an auxiliary item; empty if it is none."""
    return (item.first(b"auxC") or b"")[4:].partition(b"\0")[0]


def _grid(data: bytes) -> tuple[int, int, tuple[int, int]]:
    """Return the rows and columns of a grid, and its size in pixels."""
    wide = len(data) > 1 and data[1] & 1
    if len(data) != (12 if wide else 8) or data[0]:
        raise UnreadableImage("The grid of the image is damaged.")
    return data[2] + 1, data[3] + 1, struct.unpack_from(">II" if wide else ">HH", data, 4)
