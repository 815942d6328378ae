"""Files of each kind that has broken a decoder, or one like it: python -m tests.hostile.attacks

Every variant must be refused, or read for what it declares, at once. The command tries each and
prints, a line of JSON each, its name, the processor time in seconds and what became of it; a
decoder that ends the process ends it where the test can see that.
"""

import gzip
import json
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import imagecodecs
import numpy as np

from app.imaging import ifd
from app.imaging.codec import decode
from app.imaging.formats.heif.boxes import Box, write_box
from app.imaging.formats.heif.items import Item, read_items
from app.imaging.formats.heif.writer import write_items
from app.imaging.formats.jp2.container import SIGNATURE
from app.imaging.formats.jxl.header import Head, read_head, write_head
from app.imaging.formats.jxl.stream import CONTAINER, codestream
from app.imaging.picture import ImagingError
from app.imaging.tags import PIXEL_TAGS, Compression, Tag
from tests.fidelity.files import avif, fits, heic, mgh, mha, nrrd, png_chunk
from tests.hostile.corpus import Hostile, png_of, webp_of

MAX_PIXELS = 64_000_000
Fields = dict[Any, Any]  # by tag
GREY = np.arange(4096, dtype=np.uint8).reshape(64, 64)
OTHER_KINDS = (0, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 99, 0xFFFF)
OTHER_CODES = (0, 6, 9, 10, 262, 32766, 32809, 33003, 33007, 34661, 34676, 34677)
MORE_CODES = (34887, 34892, 34925, 34926, 34927, 34933, 34934, 48124, 50002, 50013, 52546)


def attacks() -> Iterator[Hostile]:
    """All variants of all kinds."""
    yield from _fields_of_other_types()
    yield from _decoders_on_no_list()
    yield from _lists_of_other_lengths()
    yield from _segments_beyond_measure()
    yield from _streams_that_lie()
    for name, data in _jpegs():
        yield Hostile(f"JPEG, {name}", data)
        yield Hostile(f"TIFF of JPEG, {name}", tiff({Tag.COMPRESSION: Compression.JPEG}, data))
    yield from _headers_that_disagree()
    yield from _pages_that_share()
    yield from _tiles_that_share()
    yield from _segments_of_much()
    for name, data in _jpeg_xls():
        yield Hostile(f"JPEG XL, {name}", data)
    for name, data in _jpeg_2000s():
        yield Hostile(f"JPEG 2000, {name}", data)
        yield Hostile(f"TIFF of JPEG 2000, {name}", tiff({Tag.COMPRESSION: 34712}, data))
    for name, changes, data in _segments_of_other_samples():
        yield Hostile(f"TIFF of {name}", tiff(changes, data))
    for name, data in _pnms():
        yield Hostile(f"PNM, {name}", data)
    for name, data in _volumes():
        yield Hostile(name, data)
    for name, data in _bmps():
        yield Hostile(f"BMP, {name}", data)


def tiff(changes: Fields, segment: bytes = GREY.tobytes(), big: bool = False) -> bytes:
    """A grey TIFF of 64 x 64 whose one strip comes first, with `changes` to its tags.

    A value is a whole number, several, a (type, count, bytes), or none, which leaves the tag out.
    """
    start = 16 if big else 8
    values: Fields = {
        Tag.WIDTH: 64,
        Tag.HEIGHT: 64,
        Tag.BITS: 8,
        Tag.COMPRESSION: 1,
        Tag.PHOTOMETRIC: 1,
        Tag.STRIP_OFFSETS: start,
        Tag.SAMPLES: 1,
        Tag.ROWS_PER_STRIP: 64,
        Tag.STRIP_COUNTS: len(segment),
    }
    fields = {tag: _field(v) for tag, v in sorted(({**values, **changes}).items()) if v is not None}
    size, room, place = (20, 8, "Q") if big else (12, 4, "I")
    position = start + len(segment)
    end = position + (8 if big else 2) + size * len(fields) + room
    records, tail = b"", b""
    for tag, (kind, count, value) in fields.items():
        where = value.ljust(room, b"\0")
        if len(value) > room:
            where = struct.pack("<" + place, end + len(tail))
            tail += value
        records += struct.pack("<HH" + place, tag, kind, count) + where
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, position) if big else ifd.header("<", position)
    number = struct.pack("<Q" if big else "<H", len(fields))
    return b"".join([head, segment, number, records, bytes(room), tail])


def _field(value: object) -> tuple[int, int, bytes]:
    match value:
        case tuple():
            return value
        case bytes():
            return ifd.UNDEFINED, len(value), value
    numbers = np.atleast_1d(np.asarray(value, "<u4"))
    return ifd.LONG, len(numbers), numbers.tobytes()


def _fields_of_other_types() -> Iterator[Hostile]:
    for tag in sorted(PIXEL_TAGS | {Tag.SUBFILE}):
        for kind in OTHER_KINDS:
            if tag == Tag.JPEG_TABLES and kind == ifd.UNDEFINED:
                continue
            for big in (False, True) if kind != ifd.LONG8 else (False,):
                field = (kind, 1, struct.pack("<I", 1))
                yield Hostile(f"field {tag} of type {kind}", tiff({tag: field}, big=big))


def _decoders_on_no_list() -> Iterator[Hostile]:
    packed = {
        50002: imagecodecs.jpegxl_encode(GREY, lossless=True),
        33003: imagecodecs.jpeg2k_encode(GREY),
        34887: imagecodecs.lerc_encode(GREY),
        34933: imagecodecs.png_encode(GREY),
        34925: imagecodecs.lzma_encode(GREY.tobytes()),
        33007: imagecodecs.ljpeg_encode(GREY),
        7: imagecodecs.ljpeg_encode(GREY),
    }
    for code in (*OTHER_CODES, *MORE_CODES, *packed):
        data = bytes(packed.get(code, GREY.tobytes()))
        if code != Compression.JPEG:
            yield Hostile(f"compression {code}", tiff({Tag.COMPRESSION: code}, data))
        hidden = (9, 1, struct.pack("<i", code))
        yield Hostile(f"compression {code}, signed", tiff({Tag.COMPRESSION: hidden}, data))
    yield Hostile("lossless JPEG", bytes(imagecodecs.ljpeg_encode(GREY)))
    yield Hostile("lossless JPEG in TIFF", tiff({Tag.COMPRESSION: 7}, bytes(packed[7])))


def _segments_of_other_samples() -> Iterator[tuple[str, Fields, bytes]]:
    """JPEG 2000 and WebP that are good, and not what the TIFF around them declares."""
    colour, deep = np.dstack([GREY] * 3), GREY.astype(np.uint16)
    for name, samples in (
        ("in colour", colour),
        ("deep", deep),
        ("signed", GREY.view(np.int8)),
        ("large", np.tile(GREY, (1, 2))),
        ("small", GREY[:63]),
        ("narrow", GREY[:, :63]),
    ):
        data = bytes(imagecodecs.jpeg2k_encode(samples, reversible=True))
        yield f"JPEG 2000, {name}", {Tag.COMPRESSION: 34712}, data
    parted = jpeg_2000(tile=(32, 64), tiles=2)
    yield "JPEG 2000, in tiles", {Tag.COMPRESSION: 34712}, parted
    rgb: Fields = {Tag.PHOTOMETRIC: 2, Tag.SAMPLES: 3, Tag.BITS: [8] * 3, Tag.COMPRESSION: 50001}
    for name, samples in (
        ("with alpha", np.dstack([GREY] * 4)),
        ("large", np.tile(colour, (1, 2, 1))),
        ("small", colour[:63]),
    ):
        yield f"WebP, {name}", rgb, bytes(imagecodecs.webp_encode(samples, lossless=True))
    good = bytes(imagecodecs.webp_encode(colour, lossless=True))
    yield "WebP, grey", {Tag.COMPRESSION: 50001}, good
    for end in range(0, len(good), 9):
        yield f"WebP, cut at {end}", rgb, good[:end] or b"R"
    for width, height in ((16_384, 16_384), (16_384, 1), (64, 64)):
        yield f"WebP that claims {width} x {height}", rgb, webp_of(width, height)


def _lists_of_other_lengths() -> Iterator[Hostile]:
    tags = (Tag.BITS, Tag.SAMPLE_FORMAT, Tag.EXTRA_SAMPLES, Tag.STRIP_OFFSETS, Tag.STRIP_COUNTS)
    for tag in (*tags, Tag.WIDTH, Tag.COMPRESSION, Tag.ROWS_PER_STRIP, Tag.PREDICTOR):
        for count in (2, 3, 1000, 100_000):
            yield Hostile(f"field {tag} of {count} values", tiff({tag: [8] * count}))
    for count in (1, 767, 769, 100_000):
        palette = {Tag.PHOTOMETRIC: 3, Tag.PALETTE: [0] * count}
        yield Hostile(f"palette of {count} values", tiff(palette))


def _segments_beyond_measure() -> Iterator[Hostile]:
    strips: Fields = {
        Tag.STRIP_OFFSETS: None,
        Tag.STRIP_COUNTS: None,
        Tag.ROWS_PER_STRIP: None,
    }
    fax: Fields = {Tag.COMPRESSION: Compression.FAX4, Tag.BITS: 1, Tag.WIDTH: 1}
    for width, height, count in (
        *((2**22, 1, 65_500), (2**20, 1, 65_500), (1, 2**20, 60_000), (2**10, 2**10, 60_000)),
        *((2**31, 2**31, 1), (2**16, 2**16, 1), (2**32 - 1, 1, 1), (1, 2**32 - 1, 1)),
        *((16, 1, 99_999), (1, 1, 100_001)),
    ):
        for more in (0, 1, 2**32 - 1):
            tiles: Fields = {
                Tag.TILE_WIDTH: width,
                Tag.TILE_HEIGHT: height,
                Tag.TILE_OFFSETS: np.full(min(count + more, 200_000), 8),
                Tag.TILE_COUNTS: np.full(min(count + more, 200_000), 4),
                Tag.HEIGHT: min(count * height, 60_000_000),
            }
            data = tiff(fax | strips | tiles, b"\x80\0\x10\1" * count)
            yield Hostile(f"{count} tiles of {width} x {height}", data)


def _streams_that_lie() -> Iterator[Hostile]:
    for code in (*range(2, 6), 7, 8, 32_773, 32_946, 50_000):
        for stream in (b"", b"\0", b"\xff" * 64, b"\x80" * 64, b"\x80\0\x10\1", bytes(4000)):
            for bits in (1, 8, 16):
                changes = {Tag.COMPRESSION: code, Tag.BITS: bits, Tag.PREDICTOR: 2}
                yield Hostile(f"{stream[:4]!r} by {code}", tiff(changes, stream or b"\1"))
    for stream in (b"\x80\x7f\xff" + bytes(99), b"\x80\x40\x80" * 99, b"\0\1\xfe\xff" * 99):
        yield Hostile("a cleared table is used", tiff({Tag.COMPRESSION: Compression.LZW}, stream))
    for bits in range(1, 16):
        yield Hostile(f"rows cut off, {bits} bits", tiff({Tag.BITS: bits}, bytes(63 * 8 * bits)))
    for predictor in (0, 3, 4, 34_892, 34_893, 34_894, 34_895):
        changes = {Tag.COMPRESSION: Compression.DEFLATE, Tag.PREDICTOR: predictor}
        packed = bytes(imagecodecs.deflate_encode(GREY.tobytes()))
        yield Hostile(f"predictor {predictor}", tiff(changes, packed))


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG stream."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def progressive(
    side: int, scans: int, between: bytes = b"", *, enclosed: bool = False, means: bool = False
) -> bytes:
    """A grey progressive JPEG of empty blocks, scan after scan over all of them.

    `between` precedes each further scan, and is given the length of a segment around it where it is
    to be `enclosed`. With the `means` of blocks, in one scan more, nothing is missing.
    """
    blocks = (-(-side // 8)) ** 2
    code, left = "", blocks
    while left:  # runs of empty blocks: the symbol, a bit for every power of two, and the rest
        power = min(left.bit_length() - 1, 14)
        run = min(left, (2 << power) - 1)
        code += f"{14 - power:04b}" + (f"{run - (1 << power):0{power}b}" if power else "")
        left -= run
    code += "1" * (-len(code) % 8)
    pixels = bytes(int(code[i : i + 8], 2) for i in range(0, len(code), 8))
    pixels = pixels.replace(b"\xff", b"\xff\0")
    counts = bytes([0, 0, 0, 15, *[0] * 12])
    symbols = bytes(power << 4 for power in range(14, -1, -1))
    first = b""
    if means:  # a bit each, of a code of one symbol
        first = segment(0xC4, b"\0\1" + bytes(16)) + segment(0xDA, b"\1\1\0\0\0\0")
        first += bytes(blocks // 8)
    again = segment(0xDA, b"\1\1\0\1\x3f\x10") + pixels
    covered = between + (struct.pack(">H", len(again) + 2) if enclosed else b"") + again
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xDB, bytes([0, *[1] * 64])),
            segment(0xC2, struct.pack(">BHHB3B", 8, side, side, 1, 1, 0x11, 0)),
            first,
            segment(0xC4, b"\x10" + counts + symbols),
            segment(0xDA, b"\1\1\0\1\x3f\1") + pixels,
            covered * (scans - 1),
            b"\xff\xd9",
        ]
    )


def _jpegs() -> Iterator[tuple[str, bytes]]:
    unknown = (1, 2, 0x7F, 0xBF, 0xD0, 0xD7, 0xD8, 0xC8, 0xCC, 0xDE, 0xDF, 0xF0, 0xF7, 0xFD)
    for marker in unknown:
        for enclosed in (False, True):
            sign = bytes([0xFF, marker])
            yield f"scans behind {marker:02X}", progressive(64, 3000, sign, enclosed=enclosed)
        good = progressive(64, 2, means=True)
        yield f"{marker:02X} before the header", good[:2] + sign + good[2:]
        yield f"{marker:02X} in a segment", good[:2] + segment(marker, bytes(9)) + good[2:]
    for name, between in (
        ("fill bytes", b"\xff" * 7),
        ("a number of lines", segment(0xDC, b"\0\x40")),
        ("a restart", b"\xff\xd3"),
        ("a comment", segment(0xFE, b"\xff\xda")),
        ("an application's segment", segment(0xEF, bytes(40))),
    ):
        yield f"scans behind {name}", progressive(64, 3000, between)
    for scans in (51, 1000):
        yield f"{scans} scans", progressive(64, scans)
    yield "20 scans over all", progressive(64, 20)
    jpeg = bytes(imagecodecs.jpeg8_encode(GREY, 90))
    frame = jpeg.index(b"\xff\xc0")
    for process in (0xC3, 0xC5, 0xC9, 0xCA, 0xCB, 0xCF):
        yield f"process {process:02X}", jpeg.replace(b"\xff\xc0", bytes([0xFF, process]))
    for place, value in ((4, 12), (9, 0), (9, 2), (9, 255), (11, 0), (11, 0x51), (12, 9)):
        yield f"header with {value} at {place}", _with(jpeg, frame + place, value)
    scan = jpeg.index(b"\xff\xda")
    for place, value in ((4, 0), (4, 4), (5, 77), (6, 0x99)):
        yield f"scan with {value} at {place}", _with(jpeg, scan + place, value)
    table = jpeg.index(b"\xff\xc4")
    for place, value in ((4, 4), (4, 0x20), (5, 255), (20, 255)):
        yield f"table with {value} at {place}", _with(jpeg, table + place, value)
    lines = jpeg[: frame + 5] + b"\0\0" + jpeg[frame + 7 :]  # to come behind the first scan
    yield "lines told late", lines[:-2] + segment(0xDC, b"\xff\xff") + lines[-2:]
    yield "a scan before the header", jpeg[:frame] + jpeg[scan:-2] + jpeg[frame:]
    yield "another process behind", jpeg[:scan] + segment(0xC2, jpeg[frame + 4 :][:9]) + jpeg[scan:]
    yield "two headers", jpeg[:frame] + jpeg[frame:scan] * 2 + jpeg[scan:]
    yield "a header among scans", jpeg[:-2] + jpeg[frame:scan] + jpeg[scan:]
    yield "segments without end", jpeg[:2] + segment(0xFE, b"") * 20_000 + jpeg[2:]


def _with(data: bytes, place: int, value: int) -> bytes:
    return data[:place] + bytes([value]) + data[place + 1 :]


def _pages_that_share() -> Iterator[Hostile]:
    """Thousands of pages of one pixel, all of the same large part of the file."""
    plain = dict.fromkeys((Tag.WIDTH, Tag.HEIGHT, Tag.COMPRESSION, Tag.PHOTOMETRIC), 1)
    plain |= {Tag.BITS: 8, Tag.SAMPLES: 1, Tag.STRIP_OFFSETS: 8, Tag.STRIP_COUNTS: 1}
    shared = bytes(300_000)
    number = ifd.integers("<", ifd.LONG, 8).value
    packed = zlib.compress(bytes(1 << 20))
    tiled = {tag: value for tag, value in plain.items() if "STRIP" not in tag.name}
    tiled |= {Tag.COMPRESSION: Compression.DEFLATE, Tag.TILE_WIDTH: 1024, Tag.TILE_HEIGHT: 1024}
    tiled |= {Tag.TILE_OFFSETS: 8, Tag.TILE_COUNTS: len(packed)}
    yield Hostile("TIFF, a strip of all pages", _chain(plain | {Tag.STRIP_COUNTS: 99_999}, shared))
    profile = struct.pack("<HHI4s", Tag.ICC, ifd.UNDEFINED, len(shared), number)
    yield Hostile("TIFF, a profile of all pages", _chain(plain, shared, profile))
    yield Hostile("TIFF, a tile of all pages", _chain(tiled, packed))
    broken = struct.pack("<HHI4s", 60_000, 99, 1, bytes(4)) * 4000
    yield Hostile("TIFF, fields that are broken", _chain(plain, shared, broken, pages=50))


def _chain(values: Fields, data: bytes, last: bytes = b"", pages: int = 4096) -> bytes:
    """Equal directories behind `data`, each of these values and the `last` fields as they are."""
    fields = b"".join(struct.pack("<HHII", tag, ifd.LONG, 1, values[tag]) for tag in sorted(values))
    fields = struct.pack("<H", len(fields + last) // 12) + fields + last
    start, size = 8 + len(data), len(fields) + 4
    links = [*range(start + size, start + pages * size, size), 0]
    chain = b"".join(fields + struct.pack("<I", link) for link in links)
    return ifd.header("<", start) + data + chain


def _tiles_that_share() -> Iterator[Hostile]:
    """Grids of 1024 tiles with one long part for all of them: the tile itself, or its header."""
    for brand, file in ((b"avif", avif(GREY)), (b"heic", heic(GREY, 8))):
        found = read_items(file)
        tile = found[found.primary]
        name = brand.decode().upper()
        yield Hostile(f"{name}, a tile of many units", _grid(brand, tile, b"\x7a\0" * 4000))
        yield Hostile(f"{name}, a tile of a megabyte", _grid(brand, tile, bytes(1 << 20)))
        tile.properties = [Box(b"free", b"")] * 250 + tile.properties
        yield Hostile(f"{name}, a tile of many properties", _grid(brand, tile))
    for size in (1 << 12, 1 << 16):
        settings = (tile.first(b"hvcC") or b"")[:22] + b"\1\x20" + struct.pack(">H", size // 2 - 1)
        tile.properties = [each for each in tile.properties if each.name in (b"ispe", b"pixi")]
        tile.properties.append(Box(b"hvcC", settings + bytes(size)))
        data = _grid(brand, tile, tiles=1024)
        yield Hostile(f"HEIC, tiles with one header of {size} bytes", data)


def _grid(brand: bytes, tile: Item, more: bytes = b"", tiles: int = 1) -> bytes:
    """A grid of 32 x 32 tiles: one for all places, with more data, or as many that are alike."""
    width, height = (32 * side for side in tile.size)
    whole = Item(b"grid", data=struct.pack(">BBBBHH", 0, 0, 31, 31, width, height))
    whole.properties = [Box(b"ispe", struct.pack(">III", 0, width, height))]
    whole.references[b"dimg"] = [2 + number % tiles for number in range(1024)]
    part = Item(tile.kind, data=tile.data + more, properties=tile.properties)
    return write_items(brand, [whole, *[part] * tiles])


def _segments_of_much() -> Iterator[Hostile]:
    """What is small, and comes with much that is read again and again, or only inflated."""
    jpeg = bytes(imagecodecs.jpeg8_encode(GREY[:8, :8]))
    tables = b"\xff\xd8" + segment(0xDB, bytes([0, *[1] * 64])) * 9000 + b"\xff\xd9"
    strips = 3000
    changes: Fields = {
        Tag.COMPRESSION: Compression.JPEG,
        Tag.JPEG_TABLES: tables,
        Tag.WIDTH: 8,
        Tag.HEIGHT: 8 * strips,
        Tag.ROWS_PER_STRIP: 8,
        Tag.STRIP_OFFSETS: 8 + len(jpeg) * np.arange(strips),
        Tag.STRIP_COUNTS: np.full(strips, len(jpeg)),
    }
    yield Hostile("TIFF of JPEG, long tables for each strip", tiff(changes, jpeg * strips))
    for bands, tiles in ((64, 32), (512, 1)):
        packed = bytes(imagecodecs.zstd_encode(bytes(bands << 20)))
        changes = {
            Tag.COMPRESSION: Compression.ZSTD,
            Tag.WIDTH: tiles,
            Tag.HEIGHT: 1,
            Tag.SAMPLES: bands,
            **dict.fromkeys((Tag.STRIP_OFFSETS, Tag.STRIP_COUNTS, Tag.ROWS_PER_STRIP)),
            Tag.TILE_WIDTH: 1,
            Tag.TILE_HEIGHT: 1 << 20,
            Tag.TILE_OFFSETS: 8 + len(packed) * np.arange(tiles),
            Tag.TILE_COUNTS: np.full(tiles, len(packed)),
        }
        yield Hostile(f"TIFF, {tiles} tiles of {bands} bands", tiff(changes, packed * tiles))
    yield Hostile("TIFF, a hundred profiles for inks", _pages_in_inks(100))
    packed = gzip.compress(fits(GREY, behind=bytes(1 << 28)), 1)
    yield Hostile("FITS in gzip, 256 MiB behind", packed)
    yield Hostile("FITS in gzip, 256 MiB behind, to be counted", packed + bytes(4))


def _pages_in_inks(count: int) -> bytes:
    """Pages of one pixel in CMYK, each with a profile of its own for inks."""
    matrix = struct.pack(">9i", *np.eye(3, dtype=int).ravel() << 16)
    curve = bytes(range(256))
    table = b"mft1" + struct.pack(">4xBBBx", 4, 3, 2) + matrix + curve * 4 + bytes(48) + curve * 3
    head = struct.pack(">8xI4s4s4s12x4s88x", 0x2400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    profile = head + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table
    profile = struct.pack(">I", len(profile)) + profile[4:]
    start, parts = 8, list[bytes]()
    for number in range(count):
        fields: ifd.Tree = {
            **dict.fromkeys((Tag.WIDTH, Tag.HEIGHT), ifd.integers("<", ifd.LONG, 1)),
            Tag.BITS: ifd.integers("<", ifd.SHORT, 8, 8, 8, 8),
            Tag.PHOTOMETRIC: ifd.integers("<", ifd.SHORT, 5),
            Tag.SAMPLES: ifd.integers("<", ifd.SHORT, 4),
            Tag.STRIP_OFFSETS: ifd.integers("<", ifd.LONG, number * 4),
            Tag.STRIP_COUNTS: ifd.integers("<", ifd.LONG, 4),
            Tag.ICC: ifd.Field(ifd.UNDEFINED, len(profile), profile),
        }
        parts.append(ifd.pack(fields, "<", start, is_last=number == count - 1))
        start += len(parts[-1])
    return ifd.header("<", 8) + b"".join(parts)


def _headers_that_disagree() -> Iterator[Hostile]:
    """Of PNG, WebP and GIF: a small one that is read, a large one that is decoded."""
    small, large = png_of(1, 1, b""), png_of(30_000, 30_000, b"")
    header, behind = slice(8, 33), small[33:]
    decoy = png_chunk(b"teXt", small[16:29])
    yield Hostile("PNG, a decoy first", small[:8] + decoy + large[header] + behind)
    yield Hostile("PNG, two headers", small[:33] + large[header] + behind)
    yield Hostile("PNG, no header", small[:8] + behind)
    for place, value in ((24, 3), (24, 32), (25, 1), (25, 7), (26, 1), (27, 1), (28, 2)):
        head = _with(small, place, value)[16:29]
        yield Hostile(f"PNG, {value} at {place}", small[:8] + png_chunk(b"IHDR", head) + behind)
    picture = bytes(imagecodecs.webp_encode(np.dstack([GREY] * 3), lossless=True))[12:]
    canvas = struct.pack("<4sII", b"VP8X", 10, 0) + bytes(6)
    both = canvas + picture
    yield Hostile("WebP, another canvas", _riff(both))
    yield Hostile("WebP, large behind small", _riff(canvas + webp_of(16_000, 4_000)[12:]))
    for side in (1, 30_000, 65_535):
        screen = b"GIF89a" + struct.pack("<HH3x", side, side)
        frame = struct.pack("<BHHHHBB", 0x2C, 0, 0, 65_535, 65_535, 0x80, 2)
        yield Hostile("GIF, a large frame", screen + frame[:-1] + bytes(6) + b"\2\2\x4c\1\0;")
    for width, height in ((30_000, 30_000), (2**31 - 1, 1), (-1, 1), (1, -(2**31)), (0, 0)):
        head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        yield Hostile(
            f"BMP of {width} x {height}", b"BM" + struct.pack("<I4xI", 58, 54) + head + bytes(4)
        )


def _jpeg_xls() -> Iterator[tuple[str, bytes]]:
    """Sizes that are claimed, boxes that lie, streams that end."""
    good = codestream(bytes(imagecodecs.jpegxl_encode(np.dstack([GREY] * 3), numthreads=1)))
    frames = good[-(-read_head(good).bits // 8) :]
    for width, height in ((7_900, 7_900), (65, 64), (1, 1), (30_000, 30_000), (1 << 30, 1 << 30)):
        for profile in (False, True):
            head = write_head(Head(width, height, lossy=False), profile).taken()
            yield f"{width} x {height}, profile {profile}", head + frames
    for end in (*range(2, 16), *range(16, len(good), 9)):
        yield f"cut at {end}", good[:end]
        yield f"cut at {end} in its box", CONTAINER + write_box(b"jxlc", good[:end])
    for length in (1, 2, 7, 0x7FFF_FFFF, 0xFFFF_FFFF):
        yield f"a box of {length}", CONTAINER + struct.pack(">I", length) + b"jxlc" + good
    for length in (0, 15, 1 << 31, 1 << 62, (1 << 64) - 1):
        yield f"a long box of {length}", CONTAINER + struct.pack(">I4sQ", 1, b"jxlc", length) + good
    whole, last = write_box(b"jxlc", good), (1 << 31).to_bytes(4, "big")
    yield "two streams", CONTAINER + whole * 2
    yield "a stream and its parts", CONTAINER + whole + write_box(b"jxlp", last, good)
    yield "no stream", CONTAINER + write_box(b"jxlp", last)
    yield "many boxes", CONTAINER + write_box(b"free") * 20_000 + whole
    yield "many parts", CONTAINER + write_box(b"jxlp", bytes(4), good[:1]) * 9_000
    frame = np.zeros((1, 1, 3), np.uint8)
    many = bytes(imagecodecs.jpegxl_encode(np.stack([frame] * 500), numthreads=1))
    yield "500 frames", many


def jpeg_2000(
    *,
    sides: tuple[int, int] = (64, 64),
    tile: tuple[int, int] | None = None,
    components: int = 1,
    depth: int = 7,
    apart: int = 1,
    coding: bytes = b"\0\0\0\1\0\5\4\4\0\1",
    of_tile: bytes = b"",
    tiles: int = 1,
    samples: bytes = b"",
) -> bytes:
    """A codestream: its main header, whose COD is `coding`, and as many tiles, each with a header
    and the same bytes of samples.
    """
    size = struct.pack(">H8IH", 0, *sides, 0, 0, *(tile or sides), 0, 0, components)
    size += bytes([depth, apart, apart]) * components
    quantization = b"\x40" + bytes([8 << 3] * (3 * coding[5] + 1))
    main = [segment(0x51, size), segment(0x52, coding), segment(0x5C, quantization)]
    length = 14 + len(of_tile) + len(samples)
    parts = [
        segment(0x90, struct.pack(">HIBB", number, length, 0, 1)) + of_tile + b"\xff\x93" + samples
        for number in range(tiles)
    ]
    return b"\xff\x4f" + b"".join((*main, *parts)) + b"\xff\xd9"


def _coded(
    layers: int = 1, levels: int = 5, block: int = 4, precincts: bytes = b"", rotated: int = 0
) -> bytes:
    """What a COD says."""
    style = struct.pack(">BBHB", bool(precincts), 0, layers, rotated)
    return style + bytes([levels, block, block, 0, 1]) + precincts


def _jpeg_2000s() -> Iterator[tuple[str, bytes]]:
    """Sizes that are claimed, far too many of everything, streams that end."""
    for sides in ((8000, 8000), (65_000, 900), (1 << 31, 1), (0xFFFF_FFFF, 0xFFFF_FFFF), (0, 1)):
        yield f"{sides}", jpeg_2000(sides=sides)
        for precinct in (b"\0", b"\x11", b"\x88"):
            coding = _coded(precincts=precinct * 6)
            yield f"{sides}, precincts of {precinct!r}", jpeg_2000(sides=sides, coding=coding)
            data = jpeg_2000(sides=sides, of_tile=segment(0x52, coding))
            yield f"{sides}, precincts of {precinct!r} in a tile", data
            half = (max(1, sides[0] // 2), sides[1])
            data = jpeg_2000(sides=sides, tile=half, of_tile=segment(0x52, coding), tiles=2)
            yield f"{sides}, precincts of {precinct!r} in two tiles", data
        yield f"{sides}, small blocks", jpeg_2000(sides=sides, coding=_coded(block=0))
        data = jpeg_2000(sides=sides, of_tile=segment(0x52, _coded(block=0)))
        yield f"{sides}, small blocks in a tile", data
        data = jpeg_2000(sides=sides, of_tile=segment(0x53, b"\0\0\5\0\0\0\1"))
        yield f"{sides}, small blocks of a component", data
    for tile in ((1, 1), (2, 2), (16, 16), (1, 4096), (0, 0)):
        for tiles in (1, 65_535):
            data = jpeg_2000(sides=(512, 512), tile=tile, tiles=tiles)
            yield f"{tiles} tiles of {tile}", data
            yield (
                f"{tiles} of more tiles of {tile}",
                jpeg_2000(sides=(8000, 8000), tile=tile, tiles=tiles),
            )
    for layers in (0, 257, 65_535):
        coding = _coded(layers)
        yield f"{layers} layers", jpeg_2000(coding=coding)
        yield f"{layers} layers of a tile", jpeg_2000(of_tile=segment(0x52, coding))
    for levels in (33, 255):
        yield f"{levels} levels", jpeg_2000(coding=_coded(levels=levels))
    for block in (5, 9, 255):
        yield f"blocks of {block}", jpeg_2000(coding=_coded(block=block))
    for components in (0, 5, 16_384, 65_535):
        yield f"{components} components", jpeg_2000(components=min(components, 20_000))
    for depth in (16, 37, 127, 255):
        yield f"a depth of {depth}", jpeg_2000(depth=depth)
    for apart in (0, 2, 255):
        yield f"samples {apart} pixels apart", jpeg_2000(apart=apart)
    good = bytes(imagecodecs.jpeg2k_encode(GREY, codecformat="j2k"))
    for end in (*range(2, 16), *range(16, len(good) - 2, 37)):
        yield f"cut at {end}", good[:end]
        yield f"cut at {end} in its box", SIGNATURE + write_box(b"jp2c", good[:end])
    start = good.index(b"\xff\x90")
    for size in (0, 1, 11, 12, 1 << 31, 0xFFFF_FFFF):
        told = struct.pack(">I", size)
        yield f"a tile of {size}", good[: start + 6] + told + good[start + 10 : -99]
    yield "another tile", good[: start + 4] + b"\0\1" + good[start + 6 :]
    yield "many segments", good[:start] + segment(0x64, b"") * 20_000 + good[start:]
    part = good[start : start + 6]
    steps = [
        struct.pack(">I4xH", 16, 16 * n - 14).replace(bytes(4), b"\0\1\xff\x64")
        for n in range(1000, 0, -1)
    ]
    chain = b"".join(part + each for each in steps) + segment(0x64, b"") * 9_990 + b"\xff\x93"
    yield "headers that lead to another", good[:start] + chain
    hidden = segment(0x70, segment(0x52, _coded(layers=65_535)))
    yield "segments in another", jpeg_2000(of_tile=hidden, samples=bytes(999))
    corner = jpeg_2000(
        sides=(4097, 4096), tile=(4096, 4096), tiles=2, coding=_coded(precincts=b"\x22" * 6)
    )
    yield (
        "a small tile before a large one",
        corner[:8] + struct.pack(">4I", 8192, 4096, 4095, 0) + corner[24:],
    )
    thin = [struct.pack(">B5B", 1, 0, 4, 4, 0, 1) + each for each in (b"\xf1", b"\x1f")]
    style = struct.pack(">BBHB", 1, 2, 1, 0)
    orders = segment(0x5F, struct.pack(">BBHBBB", 0, 0, 1, 33, 4, 2) * 30)
    told = segment(0x53, b"\1" + thin[1]) + orders
    data = jpeg_2000(
        sides=(8000, 8000),
        components=4,
        coding=style + thin[0][1:],
        of_tile=told,
        samples=bytes(40_000),
    )
    yield "precincts at every pixel", data
    yield "many parts", good[:start] + good[start : start + 6] + bytes(3) + b"\x0c" * 9_000
    for length in (1, 2, 7, 0x7FFF_FFFF, 0xFFFF_FFFF):
        yield f"a box of {length}", SIGNATURE + struct.pack(">I", length) + b"jp2c" + good
    yield "two streams", SIGNATURE + write_box(b"jp2c", good) * 2
    yield "no stream", SIGNATURE + write_box(b"jp2h", b"")
    yield "many boxes", SIGNATURE + write_box(b"free") * 20_000 + write_box(b"jp2c", good)


def _volumes() -> Iterator[tuple[str, bytes]]:
    """Sizes, types and distances that are claimed, plain and compressed."""
    good = mgh(GREY[None])
    vast = 0xFFFFFF
    for sizes in ((vast,) * 4, (1, 1, vast, 1), (64, 64, 1, vast), (0, 0, 0, 0), (64, 64, 1, 2)):
        data = good[:4] + struct.pack(">4i", *sizes) + good[20:]
        yield f"MGH of {sizes}", data
        yield f"MGH of {sizes}, in gzip", gzip.compress(data, 1)
    yield "MGH of floats", good[:20] + struct.pack(">i", 3) + good[24:284]
    yield "MGH that inflates to 32 MiB", gzip.compress(good + bytes(1 << 25), 1)
    for end in (24, 283, 284, len(good) // 2):
        yield f"MGH, cut at {end}", good[:end]
        yield f"MGH, cut at {end}, in gzip", gzip.compress(good[:end], 1)
    yield from _volumes_of_text()


def _volumes_of_text() -> Iterator[tuple[str, bytes]]:
    """MetaImage and NRRD: values without end or sense, streams that lie."""
    long = "9" * 1_000_000
    values = ("", "-1", "0", "1e3", "9" * 18, long, long[1:] + "x", "64 " * 300_000, " " * 900_000)
    makers: dict[str, tuple[Callable[..., bytes], str, str, str]] = {
        "MetaImage": (mha, "DimSize = 64 64", "ElementSpacing = 1 1", " = "),
        "NRRD": (nrrd, "sizes: 64 64", "spacings: 1 1", ": "),
    }
    for title, (make, size, distance, sign) in makers.items():
        for packed in (False, True):
            good = make(GREY, packed=packed).replace(b"ElementSpacing = 1 1\n", b"")
            about = f"{title}, packed {packed}"
            for value in values:
                data = good.replace(size.encode(), f"{size.split(sign)[0]}{sign}{value}".encode())
                yield f"{about}, sizes of {value[:20]}", data
                line = f"{distance.split(sign)[0]}{sign}1 {value} 1 1\n{size}"
                yield (
                    f"{about}, distances of {value[:20]}",
                    good.replace(size.encode(), line.encode()),
                )
            yield f"{about}, sizes twice", good.replace(size.encode(), f"{size}\n{size}".encode())
            for sizes in (
                "64 64 0",
                "64 64 2",
                "64 65",
                "99999999 99999999",
                "65500 65500 16384 1",
            ):
                other = f"{size.split(sign)[0]}{sign}{sizes}".encode()
                count = f"{sign}{len(sizes.split())}\n".encode()
                data = good.replace(f"{sign}2\n".encode(), count).replace(size.encode(), other)
                yield f"{about}, {sizes}", data
            for end in (9, 60, len(good) // 2, len(good) - 1):
                yield f"{about}, cut at {end}", good[:end]
            first, _, behind = good.partition(b"\n")
            for name, filler in (("lines", b"\n"), ("fields", b"a = b: c\n"), ("spaces", b" ")):
                data = first + b"\n" + filler * (2_000_000 // len(filler)) + behind
                yield f"{about}, {name} without end", data
    directions = b"space directions: " + b"(" * 900_000 + b"\nsizes"
    yield "NRRD, directions without end", nrrd(GREY).replace(b"sizes", directions)
    bomb = bytes(1 << 26)
    start = nrrd(GREY, packed=True).index(b"\n\n") + 2
    yield "NRRD that inflates to 64 MiB", nrrd(GREY, packed=True)[:start] + gzip.compress(bomb, 1)
    for length in (0, 1, 1 << 26, 10**17):
        data = mha(GREY, packed=True).partition(b"CompressedDataSize")[0]
        data += b"CompressedDataSize = %d\nDimSize = 64 64\nElementType = MET_UCHAR\n" % length
        data += b"ElementDataFile = LOCAL\n" + zlib.compress(bomb, 1)
        yield f"MetaImage that inflates to 64 MiB, of {length} bytes", data


def _pnms() -> Iterator[tuple[str, bytes]]:
    """Far too much text for a pixel, and numbers that are none."""
    for name, text in (("comments", b"#\n" * 3_000_000), ("numbers", b"1 " * 1_000_000)):
        yield f"{name} without end", b"P2\n1 1\n1\n" + text + b"1"
    yield "a long header", b"P5\n" + b"#\n" * 40_000 + b"1 1\n255\n1"
    yield "a PAM without end", b"P7\n" + b"WIDTH 1\n" * 9_000
    for number in (b"-1", b"+1", b"1_0", b"1" * 5_000, b"0x1", b"1e1", b"\xd9\xa1"):
        for head in (b"P5\n%b 1\n255\n", b"P7\nWIDTH %b\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n"):
            yield f"a width of {number[:9]!r}", head % number + bytes(16)


def _bmps() -> Iterator[tuple[str, bytes]]:
    """Runs that lead nowhere, or beyond the image, and far too many for it."""
    runs = {
        "moves to nowhere": b"\0\2\0\0" * 1_000_000,
        "moves beyond the row": b"\0\2\xff\0" * 1_000_000,
        "runs beyond the row": b"\xff\1" * 1_000_000,
        "rows beyond the last": b"\1\1\0\0" * 7,
        "pixels behind the end": b"\0\xff" + bytes(9),
    }
    for name, body in runs.items():
        for bits in (8, 4):
            head = struct.pack("<IiiHHIIiiII", 40, 9, 8, 1, bits, 3 - bits // 4, 0, 0, 0, 1, 0)
            yield (
                f"{name}, {bits} bits",
                b"BM" + struct.pack("<I4xI", 58 + len(body), 58) + head + bytes(4) + body,
            )


def _riff(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def main() -> None:
    """Tries every variant."""
    for file in attacks():
        began = time.process_time()
        try:
            picture = decode(file.data, max_pixels=MAX_PIXELS)
        except ImagingError as error:
            outcome = type(error).__name__
        else:
            outcome = f"{picture.width} x {picture.height}"
        print(json.dumps([file.name, time.process_time() - began, outcome]))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
