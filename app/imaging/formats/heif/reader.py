"""Read pictures in HEIF containers: our own parser for the container, a decoder for the pixels.

The decoder gets a new file for the colours and one for alpha, with the coded images that were
checked, without rotations and metadata.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from app.imaging.formats.heif.exif import read_exif
from app.imaging.formats.heif.items import Item, Items, read_items
from app.imaging.formats.heif.picture import Coded, alpha_of, beside, coded, orientation, window
from app.imaging.formats.png.chunks import write_chunk
from app.imaging.metadata import upright
from app.imaging.orientation import orient
from app.imaging.picture import Change, Format, Header, Metadata, Picture, UnreadableImage
from app.imaging.samples import Samples, deinterleave, unpremultiply, widen
from app.imaging.stack import Stack

XMP = b"application/rdf+xml"

_PLAIN_PRIMARIES, _PLAIN_TRANSFERS = {1, 2}, {1, 2, 6, 13}  # those of sRGB, or unspecified


class Sequence(NamedTuple):
    """The declarations of a coded image: its size in pixels, and its bits per sample."""

    width: int
    height: int
    bits: int


@dataclass(frozen=True, slots=True)
class Codec:
    """The codec of a format.

    `kind` is the type of its items, `settings` the property that configures the decoder, and
    `brand` that of its files. `read_sequence` reads what an item declares, and `decode` decodes a
    file.
    """

    kind: bytes
    settings: bytes
    brand: bytes
    read_sequence: Callable[[Item], Sequence]
    decode: Callable[[bytes], Samples]


def is_branded(data: bytes, brands: set[bytes]) -> bool:
    """Return whether an ISO base media file has one of the brands, as major or compatible."""
    if data[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(data[:4], "big"), 256)
    named = {data[8:12], *(data[place : place + 4] for place in range(16, end, 4))}
    return not named.isdisjoint(brands)


def read_header(data: bytes, name: str, codec: Codec) -> Header:
    """Read the size of the upright picture, and check the sizes of its parts."""
    items = read_items(data)
    item, main = items[items.primary], coded(items, items.primary, codec.kind)
    _bits(main, codec)
    _, _, width, height = window(item)
    waste = main.waste + main.width * main.height - width * height
    if orientation(item) >= 5:
        width, height = height, width
    return Header(name, width, height, Stack(2 if items.has_frames else 1), more_bytes=16 * waste)


def decode(data: bytes, format_: Format, codec: Codec) -> Picture:
    """Decode 8, 10 or 12 bits a sample; more than 8 become 16."""
    items = read_items(data)
    item, number = items[items.primary], alpha_of(items)
    main = coded(items, items.primary, codec.kind)
    pixels, _ = deinterleave(_samples(main, codec))
    changes = {Change.DEPTH} if _bits(main, codec) > 8 else set()
    alpha, parts = None, [main]
    if number is not None:
        mask = coded(items, number, codec.kind)
        parts.append(mask)
        form = (main.width, main.height, _bits(main, codec))
        if (mask.width, mask.height, _bits(mask, codec)) != form:
            raise UnreadableImage("The alpha of the image is not like its colours.")
        alpha = deinterleave(_samples(mask, codec))[0][..., 0]
        if number in item.references.get(b"prem", ()):
            pixels = unpremultiply(pixels, alpha)
            changes.add(Change.ALPHA)
    turned, shown = orientation(item), window(item)
    if turned != 1:
        changes.add(Change.ORIENTATION)
    used = {id(each) for part in parts for each in (part.grid, *part.tiles)}
    numbers = {n for n, each in items.by_number.items() if id(each) in used}
    numbers |= {part for part in _describing(items) if part is not None}
    # EXIF only repeats the orientation
    _, metadata, lost = upright(_metadata(items, item), by_container=True)

    def seen(plane: Samples) -> Samples:
        rows = plane[shown.top : shown.top + shown.height]
        return orient(rows[:, shown.left : shown.left + shown.width], turned)

    return Picture(
        seen(pixels),
        None if alpha is None else seen(alpha),
        format_,
        metadata,
        frozenset(changes) | items.lost | beside(items, numbers) | lost - {Change.ORIENTATION},
    )


def _bits(part: Coded, codec: Codec) -> int:
    """Return the bits per sample; all tiles must agree on it, and have their declared size."""
    found = {codec.read_sequence(tile) for tile in part.tiles}
    if len(found) != 1:
        raise UnreadableImage("The tiles of the image differ.")
    (sequence,) = found
    if (sequence.width, sequence.height) != part.tiles[0].size:
        raise UnreadableImage("The image is not of the size that it declares.")
    return sequence.bits


def _samples(part: Coded, codec: Codec) -> Samples:
    bits = _bits(part, codec)
    samples = codec.decode(part.file(codec.brand, codec.settings))
    expected = np.uint8 if bits == 8 else np.uint16
    if samples.shape[:2] != (part.height, part.width) or samples.dtype != expected:
        raise UnreadableImage("The image is not what it declares.")
    return widen(samples, bits)


def _metadata(items: Items, item: Item) -> Metadata:
    profile: bytes | None = None
    colour: tuple[bytes, ...] = ()
    for name, body in item.properties:
        if name != b"colr":
            continue
        if body[:4] in (b"prof", b"rICC"):
            profile = body[4:]
        elif body[:4] == b"nclx" and len(body) == 11:
            primaries, transfer = (int.from_bytes(body[at : at + 2], "big") for at in (4, 6))
            if primaries not in _PLAIN_PRIMARIES or transfer not in _PLAIN_TRANSFERS:
                named = bytes(
                    [1 if primaries == 2 else primaries, 13 if transfer == 2 else transfer]
                )
                colour = (write_chunk(b"cICP", named + b"\0\1"),)
    exif, xmp = (None if part is None else items[part].data for part in _describing(items))
    metadata = Metadata(exif=read_exif(exif or b""), xmp=xmp or None)
    return replace(metadata, icc=profile, colour=() if profile else colour)


def _describing(items: Items) -> tuple[int | None, int | None]:
    """Return the items with the EXIF and XMP of the image itself."""
    numbers = items.referring(b"cdsc", items.primary)
    exif = (number for number in numbers if items[number].kind == b"Exif")
    xmp = (number for number in numbers if items[number].content_type == XMP)
    return next(exif, None), next(xmp, None)
