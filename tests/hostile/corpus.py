"""Hostile files: real ones cut, flipped, spliced, made to lie, and bombs. The same for each seed.

Every kind of file in the fidelity table is a victim, so each reader and each of its branches is.
"""

import functools
import itertools
import random
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from pydicom import uid

from tests.fidelity.cases import cases
from tests.fidelity.files import dicom, png_chunk
from tests.fidelity.row import Kept

LIES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
"""What lengths, counts, offsets and sizes are overwritten with."""
HEAD = 160
"""Bytes in which most of a file's headers lie."""
DAMAGES = 6
"""The most that befalls one file."""


class Hostile(NamedTuple):
    """A file, and what was done to which other."""

    name: str
    data: bytes


def corpus(count: int, seed: int = 1) -> list[Hostile]:
    """`count` hostile files: all bombs, and then damage drawn at random."""
    return list(itertools.islice(endless(seed), count))


def endless(seed: int) -> Iterator[Hostile]:
    """Hostile files without end."""
    yield from bombs()
    chance, everything = random.Random(seed), victims()
    for number in itertools.count():
        victim = chance.choice(everything)
        damage = chance.choice(list(_DAMAGES))
        data = _DAMAGES[damage](victim.data, chance, everything)
        if chance.random() < 0.5:
            data = mended(data)
        yield Hostile(f"{number}: {victim.name}, {damage}", data)


def victims() -> list[Hostile]:
    """The files of the fidelity table that are good."""
    return [
        Hostile(f"{case.section} {case.upload}", bytes(case.make()))
        for case in cases()
        if isinstance(case.result, Kept)
    ]


@functools.cache
def bombs() -> list[Hostile]:
    """Small files of well over a hundred megabytes, said to be so or not."""
    lake = _deflated(30_000 * 30_001)
    sea = _deflated(1 << 28)
    point = zlib.compress(b"\0\0")
    chunks = {
        "profile": (b"iCCP", b"x\0\0" + sea),
        "text": (b"zTXt", b"x\0\0" + sea),
        "XMP": (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + sea),
    }
    return [
        Hostile("PNG bomb of 30,000 x 30,000", png_of(30_000, 30_000, lake)),
        Hostile("PNG bomb that claims one pixel", png_of(1, 1, sea)),
        Hostile("PNG bomb that claims 7,900 x 7,900", png_of(7_900, 7_900, sea)),
        *(
            Hostile(f"PNG {name} bomb", png_of(1, 1, point, *chunk))
            for name, chunk in chunks.items()
        ),
        Hostile("TIFF bomb of 30,000 x 30,000", tiff_of(30_000, 30_000, lake)),
        Hostile("TIFF bomb that claims 8 x 8", tiff_of(8, 8, sea)),
        Hostile("DICOM that inflates to 256 MiB", dicom_of(1 << 28)),
        Hostile("WebP that claims 16,384 x 16,384", webp_of(16_384, 16_384)),
        Hostile("WebP that claims 7,900 x 7,900", webp_of(7_900, 7_900)),
        Hostile("GIF that claims 65,535 x 65,535", b"GIF89a" + b"\xff" * 4 + bytes(3) + b",;"),
    ]


def png_of(width: int, height: int, stream: bytes, name: bytes = b"", extra: bytes = b"") -> bytes:
    """A grey PNG of any pixels, with one more chunk."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = [png_chunk(b"IHDR", header), png_chunk(b"IDAT", stream), png_chunk(b"IEND", b"")]
    if name:
        body.insert(1, png_chunk(name, extra))
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def tiff_of(width: int, height: int, strip: bytes) -> bytes:
    """A grey TIFF of one Deflate strip."""
    values = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 273: 200, 278: height}
    values[279] = len(strip)
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, values[tag]) for tag in sorted(values))
    head = b"II*\0" + struct.pack("<IH", 8, len(values)) + fields
    return head.ljust(200, b"\0") + strip


def dicom_of(zeros: int) -> bytes:
    """A DICOM whose deflated data set is nothing but so many zeros."""
    whole = dicom(np.zeros((8, 8), np.uint8), syntax=uid.DeflatedExplicitVRLittleEndian)
    end = 144 + int.from_bytes(whole[140:144], "little")
    return whole[:end] + _deflated(zeros, raw=True)


def webp_of(width: int, height: int) -> bytes:
    """The header of a lossless WebP, and nothing of its pixels."""
    chunk = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(16)
    body = b"WEBPVP8L" + struct.pack("<I", len(chunk)) + chunk + b"\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body


def mended(data: bytes) -> bytes:
    """A PNG whose checksums are right again, so that the damage is not found by them alone."""
    if not data.startswith(b"\x89PNG"):
        return data
    result, position = bytearray(data), 8
    while position + 12 <= len(result):
        end = position + 12 + int.from_bytes(result[position : position + 4], "big")
        if end > len(result):
            break
        result[end - 4 : end] = zlib.crc32(result[position + 4 : end - 4]).to_bytes(4, "big")
        position = end
    return bytes(result)


def _deflated(zeros: int, *, raw: bool = False) -> bytes:
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS if raw else zlib.MAX_WBITS)
    block = bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(zeros >> 20)]
    return b"".join(parts) + packer.compress(bytes(zeros & 0xFFFFF)) + packer.flush()


Damage = Callable[[bytes, random.Random, list[Hostile]], bytes]


def _cut(data: bytes, chance: random.Random, _: list[Hostile]) -> bytes:
    return data[: chance.randrange(len(data))]


def _drop(data: bytes, chance: random.Random, _: list[Hostile]) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randint(1, 64) :]


def _flip(data: bytes, chance: random.Random, _: list[Hostile]) -> bytes:
    result = bytearray(data)
    for _n in range(chance.randint(1, DAMAGES)):
        result[chance.randrange(len(result))] ^= 1 << chance.randrange(8)
    return bytes(result)


def _lie(data: bytes, chance: random.Random, _: list[Hostile]) -> bytes:
    """Numbers of two, four or eight bytes, in either order, mostly near the start."""
    result = bytearray(data)
    for _n in range(chance.randint(1, DAMAGES)):
        size = chance.choice((2, 4, 4, 8))
        area = min(HEAD, len(result)) if chance.random() < 0.8 else len(result)
        start = chance.randrange(area)
        value = chance.choice(LIES) & (1 << 8 * size) - 1
        order: str = chance.choice(("big", "little"))
        result[start : start + size] = value.to_bytes(size, "big")[:: 1 if order == "big" else -1]
    return bytes(result)


def _splice(data: bytes, chance: random.Random, everything: list[Hostile]) -> bytes:
    """The start of one file, the end of another."""
    other = chance.choice(everything).data
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def _insert(data: bytes, chance: random.Random, everything: list[Hostile]) -> bytes:
    """A piece of another file in the midst."""
    other, place = chance.choice(everything).data, chance.randrange(len(data))
    start = chance.randrange(len(other))
    return data[:place] + other[start : start + chance.randint(1, 256)] + data[place:]


def _repeat(data: bytes, chance: random.Random, _: list[Hostile]) -> bytes:
    """A piece again and again: chunks, segments, frames, directories."""
    start = chance.randrange(len(data))
    piece = data[start : start + chance.randint(1, 64)]
    return data[:start] + piece * chance.choice((2, 50, 5000)) + data[start:]


def _shuffle(data: bytes, chance: random.Random, _: list[Hostile]) -> bytes:
    """The names of chunks, or the markers of segments, exchanged."""
    found = list(re.finditer(rb"IHDR|PLTE|tRNS|IDAT|IEND|VP8.|ALPH|\xff[\xc0-\xfe]", data))
    if len(found) < 2:
        return data[::-1]
    one, other = sorted(chance.sample(found, 2), key=re.Match.start)
    middle = data[one.end() : other.start()]
    return data[: one.start()] + other[0] + middle + one[0] + data[other.end() :]


_DAMAGES: dict[str, Damage] = {
    "cut": _cut,
    "dropped": _drop,
    "flipped": _flip,
    "lying": _lie,
    "spliced": _splice,
    "inserted": _insert,
    "repeated": _repeat,
    "shuffled": _shuffle,
}
