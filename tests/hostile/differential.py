"""Tells where our reading of a file and a decoder's differ: a long run, by hand.

    nice .venv/bin/python -m tests.hostile.differential [--seconds 3600] [--keep FOLDER]

Good files of every kind are damaged at random, and where their structure is: fields of TIFF,
segments of JPEG, chunks of PNG and WebP. A child process reads each; what ends it, takes it longer
than 5 seconds, or makes it differ is printed, and kept in FOLDER. That is a difference:

- a native decoder that returns another size, or another number of channels, than we have read;
- a rebuilt JPEG stream in which a second, plain parser finds other scans, headers or markers;
- a picture that Pillow reads from the same file in another size or, if it is not damaged, with
  other pixels.
"""

import argparse
import io
import multiprocessing
import os
import random
import resource
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from app.imaging.codec import decode, read_header
from app.imaging.formats.jpeg.frame import read_frame
from app.imaging.formats.jpeg.rebuild import MAX_SCANS, rebuild
from app.imaging.formats.jpeg.segments import APP14, DHT, DQT, DRI, EOI, SOS, EndMissing
from app.imaging.formats.tiff import lzw
from app.imaging.picture import Change, ImagingError, Picture
from tests.hostile.attacks import attacks, progressive, segment
from tests.hostile.corpus import Hostile, endless, victims

MAX_PIXELS = 1_000_000
MAX_SECONDS, MAX_MEMORY = 5, 6 << 30
TOLERANCE = 40  # of 255 in any sample, of 2 on average: decoders enlarge colours in their own ways
NATIVE = ("png_decode", "jpeg8_decode", "webp_decode")


def difference(data: bytes) -> str | None:
    """What our reading and a decoder's differ in; None where they agree, or refuse."""
    shapes: list[tuple[int, ...]] = []
    with _watched(shapes):
        try:
            header = read_header(data)
            picture = decode(data, max_pixels=MAX_PIXELS)
        except ImagingError as error:
            if shapes and "not of the size" in str(error):
                return f"decoded as {shapes}"
            return None if _within(shapes) else f"refused, but decoded as {shapes}"
    if header.format in ("png", "jpeg", "webp") and shapes[0][:2] != (header.height, header.width):
        return f"{header} decoded as {shapes}"
    if header.format == "jpeg" and (found := _jpeg_difference(data)):
        return found
    return _pillow_difference(data, picture)


class _watched:  # noqa: N801 - a context manager, used as a function
    """Notes the shapes that native decoders return within the block."""

    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        self._shapes = shapes
        self._own: dict[str, Callable[..., Any]] = {}

    def __enter__(self) -> None:
        for name in NATIVE:
            self._own[name] = getattr(imagecodecs, name)
            setattr(imagecodecs, name, self._noting(self._own[name]))

    def __exit__(self, *_: object) -> None:
        for name, function in self._own.items():
            setattr(imagecodecs, name, function)

    def _noting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            self._shapes.append(result.shape)
            return result

        return noting


def _within(shapes: list[tuple[int, ...]]) -> bool:
    return all(shape[0] * shape[1] <= 4 * MAX_PIXELS for shape in shapes)


def _jpeg_difference(data: bytes) -> str | None:
    frame = read_frame(data)
    try:
        found = list(markers(rebuild(data, frame, frame.transform).stream))
    except EndMissing:  # it was decoded with an end of ours
        return None
    scans, frames = found.count(SOS), [m for m in found if m in (0xC0, 0xC1, 0xC2)]
    known = {APP14, DHT, DQT, DRI, SOS, EOI, *frames}
    if len(frames) != 1 or scans > MAX_SCANS or set(found) - known:
        return "JPEG rebuilt with markers " + " ".join(f"{marker:02X}" for marker in found)
    return None if found[-1] == EOI else "JPEG rebuilt without an end"


def markers(data: bytes) -> Iterator[int]:
    """The markers that a decoder meets that goes on from whichever FF it finds, as libjpeg does."""
    position = 2
    while (position := data.find(b"\xff", position)) >= 0:
        while data[position : position + 1] == b"\xff":
            position += 1
        marker = data[position] if position < len(data) else 0
        position += 1
        if marker == 0 or 0xD0 <= marker <= 0xD7:
            continue
        yield marker
        if marker not in (1, EOI):
            position += int.from_bytes(data[position : position + 2], "big")


def _pillow_difference(data: bytes, picture: Picture) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                upright = (
                    image.getexif().get(0x0112, 1) == 1
                )  # some of its readers turn as they load
                image.load()
                size = image.size
                plain = image.mode in ("L", "RGB") and upright
                theirs = np.asarray(image.convert("RGB")) if plain else None
    except Exception:  # whatever Pillow does not read is no evidence
        return None
    ours = (picture.width, picture.height)
    if ours not in (size, size[::-1]):  # some of its readers turn pictures upright, some do not
        return f"{ours}, by Pillow {size}"
    # Pillow takes signed samples of 8 bits for unsigned ones.
    is_plain = picture.dtype == np.uint8 and picture.alpha is None and ours == size
    if theirs is None or not is_plain or Change.ORIENTATION in picture.changes:
        return None
    first = picture.pixels[: picture.height]  # of many pages Pillow has read the first, too
    distance = np.abs(first.astype(int) - theirs)
    if distance.max() > TOLERANCE and distance.mean() > 2:
        return f"pixels {distance.mean():.1f} from Pillow's on average"
    return None


def files(seed: int) -> Iterator[Hostile]:
    """Files without end: damaged at random, and in their structure."""
    chance, everything, damaged = random.Random(seed), victims(), endless(seed)
    everything += [Hostile("scans", progressive(64, 8))]
    everything += [each for each in attacks() if len(each.data) < 10_000]
    change = {b"II": _retype, b"MM": _retype, b"\xff\xd8": _remark, b"\x89P": _rechunk}
    while True:
        yield next(damaged)
        victim = chance.choice(everything)
        data = victim.data
        for _ in range(chance.randint(1, 3)):
            data = change.get(data[:2], _rechunk)(data, chance)
        yield Hostile(f"{victim.name}, its structure changed", data)


def _retype(data: bytes, chance: random.Random) -> bytes:
    """A TIFF with other types, counts or values in fields of its first directory."""
    result, order = bytearray(data), "<" if data[:2] == b"II" else ">"
    start = int.from_bytes(data[4:8], "little" if order == "<" else "big") + 2
    entry = start + 12 * chance.randrange(16)
    if entry + 12 > len(result):
        return data
    tags = (256, 257, 258, 259, 262, 266, 277, 278, 284, 292, 317, 322, 323, 338, 339)
    small = chance.choice((0, 1, 2, 3, 4, 5, 7, 8, 16, 32, 64, 255, 4096, 32_773, 50_000))
    match chance.randrange(5):
        case 0:
            struct.pack_into(order + "H", result, entry + 2, chance.randrange(20))
        case 1:
            struct.pack_into(order + "I", result, entry + 4, small)
        case 2:
            struct.pack_into(order + "H", result, entry + 8, small & 0xFFFF)
        case 3:
            struct.pack_into(order + "I", result, entry + 8, small)
        case _:
            struct.pack_into(order + "H", result, entry, chance.choice(tags))
    return bytes(result)


def _remark(data: bytes, chance: random.Random) -> bytes:
    """A JPEG with a segment more, one less, or another marker."""
    places = [place for place in range(2, len(data) - 4) if data[place] == 0xFF][:400]
    if not places:
        return data
    place = chance.choice(places)
    length = 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    match chance.randrange(5):
        case 0:
            return data[:place] + bytes([0xFF, chance.randrange(1, 255)]) + data[place:]
        case 1:
            return data[: place + 1] + bytes([chance.randrange(256)]) + data[place + 2 :]
        case 2:
            return data[:place] + data[place + length :]
        case 3:
            other = chance.choice(places)
            return data[:other] + data[place : place + length] + data[other:]
    body = chance.randbytes(chance.randrange(20))
    return data[:place] + segment(chance.randrange(0xC0, 0xFF), body) + data[place:]


def _rechunk(data: bytes, chance: random.Random) -> bytes:
    """A file with a stretch of it doubled, moved or left out, and a byte changed near the start."""
    one, other = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    result = bytearray(data or b"?")
    result[chance.randrange(min(64, len(result)))] = chance.randrange(256)
    match chance.randrange(3):
        case 0:
            return bytes(result[:other] + result[one:])
        case 1:
            return bytes(result[:one] + result[other:])
    return bytes(result)


def streams(seed: int) -> None:
    """Made-up streams for the native functions that are given a caller's as they come.

    Whatever they raise will do; what they write beyond their room ends the process.
    """
    chance = random.Random(seed)
    good = bytes(chance.randrange(4) for _ in range(500))
    for _ in range(200):
        room, rows, width = (chance.choice((1, 2, 7, 64, 1000)) for _ in range(3))
        raw = chance.randbytes(chance.randrange(1, 600))
        packed = [imagecodecs.lzw_encode(good), b"\x80" + raw, imagecodecs.packbits_encode(good)]
        packed += [imagecodecs.deflate_encode(good), imagecodecs.zstd_encode(good), raw]
        data = bytearray(chance.choice(packed))
        for _n in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        held, options = bytes(data), chance.randrange(8)
        for call in (
            partial(_decode_lzw, held, room),
            partial(imagecodecs.packbits_decode, held, out=room),
            partial(imagecodecs.deflate_decode, held, out=room),
            partial(imagecodecs.zstd_decode, held, out=room),
            partial(imagecodecs.ccittrle_decode, raw, rows, width),
            partial(imagecodecs.ccittfax3_decode, raw, rows, width, t4options=options),
            partial(imagecodecs.ccittfax4_decode, raw, rows, width),
        ):
            try:
                call()
            except (RuntimeError, ValueError):
                continue


def _decode_lzw(data: bytes, room: int) -> None:
    lzw.check(data, room)
    imagecodecs.lzw_decode(data, out=room)


def _work(seed: int, pipe: Connection) -> None:
    """Sends each file before it is tried, and then what was found."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders complain there
    for number, file in enumerate(files(seed)):
        pipe.send(file)
        try:
            pipe.send(difference(file.data))
        except Exception as error:  # which no file should cause, in the comparison either
            pipe.send(repr(error))
        if number % 500 == 0:
            pipe.send(Hostile(f"streams of seed {seed + number}", b""))
            streams(seed + number)
            pipe.send(None)


def run(seconds: float, count: int, seed: int, keep: Path) -> int:
    """Tries so many files, or for so long; the number of findings."""
    end, tried, findings = time.monotonic() + seconds, 0, 0
    context = multiprocessing.get_context("spawn")
    while time.monotonic() < end and tried < count:
        pipe, theirs = context.Pipe()
        child = context.Process(target=_work, args=(seed + tried, theirs), daemon=True)
        child.start()
        theirs.close()
        file, found = Hostile("the start", b""), None
        try:
            while time.monotonic() < end and tried < count and not found:
                file = pipe.recv()
                found = pipe.recv() if pipe.poll(MAX_SECONDS) else "slow"
                tried += 1
        except EOFError:
            child.join()
            found = f"ended with exit code {child.exitcode}"
        child.kill()
        child.join()
        if found:
            findings += 1
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{seed}-{tried}").write_bytes(file.data)
            print(f"{seed}-{tried}: {found}: {file.name}", flush=True)
    print(f"{tried} files, {findings} findings")
    return findings


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.differential")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--count", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("findings"))
    given = parser.parse_args()
    return 1 if run(given.seconds, given.count, given.seed, given.keep) else 0


if __name__ == "__main__":
    sys.exit(main())
