"""Measure the cost of decoding and encoding each format by the available codecs.

    python -m benchmarks.codecs [FOLDER]

prints a Markdown table of milliseconds, the best of several, and of bytes per pixel, for a crop of
256 x 256 and for 12 megapixels. Pictures come from FOLDER, or else are drawn: fractal noise, with
the spectrum of a photograph but no grain. The rows in bold are what the service uses.
"""

import argparse
import io
import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from app.imaging.codec import decode, encode
from app.imaging.picture import Format, Metadata, Picture

LARGE = (4000, 3000)
SMALL = 256
SECONDS = 0.5  # for one cell of the table, unless a single call takes longer

Pixels = NDArray[Any]


class Candidate(NamedTuple):
    """A way to write a format and, where it has one of its own, to read it."""

    name: str
    encode: Callable[[Pixels], bytes]
    decode: Callable[[bytes], Any] | None = None


def ours(target: Format, quality: int | None = None, *, lossless: bool = False) -> Candidate:
    """Return what the service does."""
    metadata = Metadata(lossless=lossless)
    name = f"**{target}{' lossless' if lossless else ''}{f' {quality}' if quality else ''}**"
    return Candidate(
        name,
        lambda pixels: encode(Picture(pixels, None, target, metadata), quality=quality).data,
        partial(decode, max_pixels=10**9),
    )


def pillow(target: Format, **options: Any) -> Candidate:
    """Pillow's encoder, and its decoder into an array."""

    def write(pixels: Pixels) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, target.value, **options)
        return file.getvalue()

    return Candidate(_name("Pillow", target, options), write, _read_with_pillow)


def codec(target: str, **options: Any) -> Candidate:
    """Return an encoder of imagecodecs, and its decoder."""
    writer = getattr(imagecodecs, f"{target}_encode")
    reader = getattr(imagecodecs, f"{target}_decode")
    return Candidate(_name("imagecodecs", target, options), partial(writer, **options), reader)


def tiff(**options: Any) -> Candidate:
    """Return the writer and the reader of tifffile."""

    def write(pixels: Pixels) -> bytes:
        file = io.BytesIO()
        tifffile.imwrite(file, pixels, **options)
        return file.getvalue()

    return Candidate(
        _name("tifffile", "", options), write, lambda data: tifffile.imread(io.BytesIO(data))
    )


def candidates() -> Iterator[Candidate]:
    """Yield all rows of the table."""
    yield ours(Format.PNG)
    yield from (pillow(Format.PNG, compress_level=level) for level in (1, 6))
    yield pillow(Format.PNG, compress_type=2)
    yield from (codec("png", level=level) for level in (1, 6))
    for strategy, filters in itertools.product((0, 2, 3), (16, 32, 64, 128)):
        yield codec("png", level=1, strategy=strategy, filter=filters)
    yield from (codec("spng", level=level) for level in (1, 5))
    yield ours(Format.JPEG)
    yield ours(Format.JPEG, 80)
    yield pillow(Format.JPEG, quality=95, subsampling=0)
    yield codec("jpeg8", level=95, subsampling="444", optimize=True)
    yield ours(Format.WEBP)
    yield from (pillow(Format.WEBP, quality=95, method=method) for method in (0, 1, 2, 4))
    yield ours(Format.WEBP, lossless=True)
    for method, effort in ((0, 50), (1, 0), (2, 0)):
        yield pillow(Format.WEBP, lossless=True, quality=effort, method=method)
    yield ours(Format.AVIF)
    yield from (codec("avif", level=90, speed=speed, numthreads=1) for speed in (6, 8, 10))
    yield ours(Format.JXL)
    yield from (codec("jpegxl", level=90, effort=effort, numthreads=1) for effort in (1, 3, 4, 5))
    yield ours(Format.JXL, lossless=True)
    yield from (codec("jpegxl", effort=effort, numthreads=1) for effort in (1, 2, 3))
    yield ours(Format.JP2)
    yield ours(Format.JP2, lossless=True)
    yield ours(Format.PNM)
    yield ours(Format.TIFF)
    yield tiff()
    yield tiff(compression="lzw", predictor=True)
    for level in (1, 6):
        yield tiff(compression="zlib", compressionargs={"level": level}, predictor=True)
    yield tiff(compression="zstd", predictor=True)


def drawn(width: int, height: int) -> Pixels:
    """Return a smooth image in colour: octaves of noise, each half as strong as the one below."""
    generator = np.random.default_rng(0)
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(2, 10):
        coarse = generator.random((3 * 2**octave, 4 * 2**octave, 3), np.float32) - 0.5
        for channel, plane in enumerate(np.moveaxis(coarse, -1, 0)):
            smooth = Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)
            total[..., channel] += np.asarray(smooth) * 2.0 ** (2 - octave)
    total[..., 1:] = 0.7 * total[..., :1] + 0.3 * total[..., 1:]  # colours go together
    return np.asarray(np.rint(np.clip(0.5 + total, 0, 1) * 255), np.uint8)


def photograph(folder: Path) -> Pixels:
    """Return the first image of a folder, brought to 12 megapixels."""
    suffixes = (".jpg", ".jpeg", ".png")
    path = next(path for path in sorted(folder.rglob("*")) if path.suffix.lower() in suffixes)
    with Image.open(path) as image:
        large = image.convert("RGB").resize(LARGE, Image.Resampling.BICUBIC)
    return np.asarray(large)


def milliseconds(function: Callable[[], Any]) -> float:
    """Return the least time of as many calls as fit into `SECONDS`."""
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < 2:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def cells(candidate: Candidate, pixels: Pixels) -> str:
    """Return decoding, encoding, and size, as cells of a Markdown table."""
    data = bytes(candidate.encode(pixels))
    encoding = milliseconds(lambda: candidate.encode(pixels))
    read = candidate.decode
    decoding = f"{milliseconds(lambda: read(data)):.2f}" if read else ""
    return f"{decoding} | {encoding:.2f} | {len(data) * 3 / pixels.size:.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="of a photograph; else one is drawn")
    folder = parser.parse_args().folder
    large = photograph(folder) if folder else drawn(*LARGE)
    middle = (slice(1000, 1000 + SMALL), slice(1000, 1000 + SMALL))
    small = np.ascontiguousarray(large[middle])
    print("| | decode 256² | encode | bytes/pixel | decode 12 MP | encode | bytes/pixel |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for candidate in candidates():
        print(f"| {candidate.name} | {cells(candidate, small)} | {cells(candidate, large)} |")


def _name(library: str, target: str, options: dict[str, Any]) -> str:
    words = [library, target, *(f"{key}={value}" for key, value in options.items())]
    return " ".join(filter(None, words))


def _read_with_pillow(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


if __name__ == "__main__":
    main()
