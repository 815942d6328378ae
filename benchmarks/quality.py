"""Measure the quality of a running service: post noisy pictures to it, and score the results.

    python -m benchmarks.quality FOLDER [--url http://127.0.0.1:8000] [--sigmas 25 51 102]
    python -m benchmarks.quality --pairs 'FOLDER/*_noisy.png' 'FOLDER/*_clean.png'
    python -m benchmarks.quality --drawn

Noise as a service meets it: Gaussian of the given sigma (0..255 scale), drawn after
`numpy.random.seed(0)` for each picture, clipped to the range and rounded to 8 bits, or to 16 with
`--depth 16`; `--shared` draws one plane for all channels, as grey pictures stored in colour have
it. The mean of the per-picture RGB PSNR and SSIM, no border cut, and the noise that the service
says it found (X-Noise-Sigma) over the noise that was there: mean, and how many are within 10%.

`--pairs` measures on pictures that are noisy already: two folders, or two quoted patterns, of
noisy and of clean shots, paired in the order of their names. It prints a row for each, with the RMS
of their difference as the noise that was there, and how many are found within 15%.

`--drawn` measures the harm to drawings without noise, those of the trials: the mean PSNR, at most
60 dB per drawing, the lowest, and the largest change of a sample.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import numpy as np

from app.imaging import formats
from app.imaging.codec import decode, encode
from app.imaging.metrics import psnr, rmse, ssim
from app.imaging.picture import Format, Picture
from app.imaging.scale import from_unit, to_unit
from training.evaluate import PERFECT
from training.graphics import FOR_TRIALS, MEASURED, Subject, draw

DRAWINGS = 24
"""Number of drawings of each set, as many as on the model cards."""


@dataclass(frozen=True)
class Protocol:
    """How the service is asked, and with what."""

    dtype: np.dtype[np.unsignedinteger]
    shared: bool
    model: str | None


def corrupted(clean: Picture, sigma: float, protocol: Protocol) -> Picture:
    """`clean` with noise of `sigma` (0..255 scale), in integers of the protocol's type."""
    np.random.seed(0)  # noqa: NPY002 - the protocol of the published tables
    planes = (*clean.pixels.shape[:2], 1) if protocol.shared else clean.pixels.shape
    noise = np.random.normal(0.0, sigma / 255, planes)  # noqa: NPY002
    pixels = from_unit(to_unit(clean.pixels) + noise, protocol.dtype)
    return replace(clean, pixels=pixels)


def denoised(
    client: httpx.Client, noisy: Picture, clean: Picture, model: str | None
) -> tuple[float, float, float]:
    """PSNR in dB and SSIM of what the service makes of `noisy`, and the noise found, 0..255."""
    restored, found = answered(client, noisy, model)
    return psnr(clean.pixels, restored.pixels), ssim(clean.pixels, restored.pixels), found


def answered(client: httpx.Client, picture: Picture, model: str | None) -> tuple[Picture, float]:
    """Return what the service makes of `picture`, and the noise that it found, 0..255."""
    answer = client.post(
        "/denoise",
        content=encode(picture, Format.PNG).data,
        headers={"Content-Type": "image/png"},
        params={"model": model} if model else {},
    )
    answer.raise_for_status()
    restored = decode(answer.content, max_pixels=picture.size)
    return restored, float(answer.headers["X-Noise-Sigma"]) * 255


def print_unchanged(client: httpx.Client, model: str | None) -> None:
    """Print a Markdown table, one row for each set of drawings without noise."""
    print("| drawings | images | PSNR, dB | lowest | largest change |\n|---|---|---|---|---|")
    sets: dict[str, tuple[Subject, ...]] = {"all kinds": MEASURED, "flat colours": ("flat",)}
    for name, subjects in sets.items():
        decibels, changes = [], []
        for pixels in draw(DRAWINGS, FOR_TRIALS, subjects):
            restored = answered(client, Picture(pixels), model)[0].pixels
            decibels.append(min(psnr(pixels, restored), PERFECT))
            changes.append(np.abs(restored.astype(int) - pixels).max())
        mean, lowest = np.mean(decibels), min(decibels)
        print(f"| {name} | {DRAWINGS} | {mean:.1f} | {lowest:.1f} | {max(changes)} |")


def print_noisy(
    client: httpx.Client, pictures: list[Picture], sigmas: list[float], protocol: Protocol
) -> None:
    """Print a Markdown table, one row a sigma, of Gaussian noise on clean images."""
    print("| sigma | PSNR, dB | SSIM | noise found / true | within 10% |\n|---|---|---|---|---|")
    for sigma in sigmas:
        scores = np.array(
            [
                denoised(client, corrupted(clean, sigma, protocol), clean, protocol.model)
                for clean in pictures
            ]
        )
        decibels, similarity, found = scores.mean(axis=0)
        close = int((abs(scores[:, 2] / sigma - 1) <= 0.1).sum())
        print(
            f"| {sigma:g} | {decibels:.2f} | {similarity:.4f} | {found / sigma:.3f} "
            f"| {close} of {len(scores)} |"
        )


def print_pairs(
    client: httpx.Client, pairs: list[tuple[Path, Picture, Picture]], model: str | None
) -> None:
    """Print a Markdown table, one row a pair, and their mean."""
    print("| image | noise, RMS | noisy, dB | PSNR, dB | SSIM | noise found / true |")
    print("|---|---|---|---|---|---|")
    rows = []
    for path, noisy, clean in pairs:
        noise = 255 * rmse(clean.pixels, noisy.pixels)
        decibels, similarity, found = denoised(client, noisy, clean, model)
        rows.append((noise, psnr(clean.pixels, noisy.pixels), decibels, similarity, found / noise))
        print(_pair(path.stem, rows[-1]))
    print(_pair("mean", tuple(np.mean(rows, axis=0))))
    close = sum(abs(ratio - 1) <= 0.15 for *_, ratio in rows)
    print(f"\nNoise found within 15%: {close} of {len(rows)}")


def _pair(name: str, row: tuple[float, ...]) -> str:
    noise, before, after, similarity, ratio = row
    return f"| {name} | {noise:.2f} | {before:.2f} | {after:.2f} | {similarity:.4f} | {ratio:.2f} |"


def pictures_of(place: str) -> list[Path]:
    """Return the images in a folder and all below it, or whose names match a pattern, by name."""
    path = Path(place)
    found = path.rglob("*") if path.is_dir() else path.parent.glob(path.name)
    return sorted(file for file in found if file.suffix.lower() in formats.suffixes())


def read(file: Path) -> Picture:
    """Return the image in a file."""
    return decode(file.read_bytes(), max_pixels=100_000_000)


def read_pairs(noisy: str, clean: str) -> list[tuple[Path, Picture, Picture]]:
    """Return the pairs of two places; raise ValueError where they do not go together."""
    files = pictures_of(noisy), pictures_of(clean)
    if not files[0] or len(files[0]) != len(files[1]):
        raise ValueError(f"{len(files[0])} images match {noisy}, and {len(files[1])} {clean}")
    pairs = [(one, read(one), read(other)) for one, other in zip(*files, strict=True)]
    for path, one, other in pairs:
        if one.pixels.shape != other.pixels.shape:
            raise ValueError(f"{path} and its clean image differ in size or channels")
    return pairs


def main() -> None:
    """Print a Markdown table, one row a sigma or a pair."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("folder", nargs="?", help="clean images, to which noise is added")
    what.add_argument(
        "--pairs", nargs=2, metavar=("NOISY", "CLEAN"), help="folders, or quoted patterns"
    )
    what.add_argument("--drawn", action="store_true", help="drawings, without any noise")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--model", help="the service's default, unless given")
    parser.add_argument("--sigmas", type=float, nargs="+", default=[25, 51, 102])
    parser.add_argument("--depth", type=int, choices=(8, 16), default=8)
    parser.add_argument("--shared", action="store_true", help="one noise plane for all channels")
    options = parser.parse_args()
    with httpx.Client(base_url=options.url, timeout=120) as client:
        if options.pairs:
            try:
                pairs = read_pairs(*options.pairs)
            except ValueError as error:
                parser.error(str(error))
            print_pairs(client, pairs, options.model)
            return
        if options.drawn:
            print_unchanged(client, options.model)
            return
        pictures = [read(file) for file in pictures_of(options.folder)]
        if not pictures:
            parser.error(f"no images below {options.folder}")
        name = Path(options.folder).name
        print(f"{len(pictures)} images of {name}, {options.depth}-bit, clipped noise\n")
        protocol = Protocol(np.dtype(f"uint{options.depth}"), options.shared, options.model)
        print_noisy(client, pictures, options.sigmas, protocol)


if __name__ == "__main__":
    main()
