"""Measure how much context a tile needs: what a cut through a picture changes, by distance.

    python -m benchmarks.halo [--models unet unet-fast unet-mri]

Denoises pictures in float32 whole, and again cut off at one side, with noise of several strengths
and without: in colour, and for models of scans in grey with Rician noise. For each halo, of the
values that lie at least so far from the cut, it prints the largest difference from the whole
picture, the share that differs by more than a quarter of a level, and the PSNR; and the pixels that
tiles with this halo process for a picture of 12 megapixels.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from app.imaging.noise import NoiseKind, add_noise
from app.imaging.scale import Pixels
from app.imaging.tiling import cost, plan
from app.inference.engines import Forward, Precision, engine, installed
from app.inference.store import read_packages
from benchmarks.markdown import head, line

HALOS = (16, 24, 32, 40, 48, 56, 64, 72, 80)
SIDE, CUTS, CORE = 640, (200, 328), 160
"""Of the square pictures, where they are cut, and how far from a halo on values are compared."""
SIGMAS = (0.0, 0.03, 0.1, 0.4)
SAMPLES = Path("app/web/static/samples")
LARGE = 3000, 4000


def pictures(*, grey: bool) -> Iterator[Pixels]:
    """Photograph and scan, float32 [1, SIDE, SIDE, 3] in 0..1, and the same lying on their sides.

    Or in `grey`, [1, SIDE, SIDE, 1].

    Tiles start at multiples of the stride, as the cuts do.
    """
    for name in ("landscape", "mri"):
        with Image.open(SAMPLES / f"{name}.png") as image:
            resized = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        clean = np.asarray(resized.convert("L"))[..., None] if grey else np.asarray(resized)
        kind = NoiseKind.RICIAN if grey else NoiseKind.GAUSSIAN
        for sigma in SIGMAS:
            noisy = add_noise(clean, sigma, kind=kind, seed=1) if sigma else clean
            for turned in (noisy, noisy.swapaxes(0, 1)):
                yield (turned / np.float32(255)).astype(np.float32)[None]


def differences(forward: Forward, *, grey: bool) -> Iterator[Pixels]:
    """In 8-bit levels, float32 [height, width, channels], each from a cut at column 0 on."""
    for picture in pictures(grey=grey):
        whole = forward(picture)
        for cut in CUTS:
            part = forward(np.ascontiguousarray(picture[:, :, cut:]))
            yield np.abs(part - whole[:, :, cut:])[0] * 255


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["unet", "unet-fast", "unet-mri"])
    options = parser.parse_args()
    packages = read_packages(Path("models"))
    print(head("model", "halo", "largest", "over 1/4 level", "PSNR, dB", "12 MP, of its pixels"))
    for name in options.models:
        forward = engine(installed()[-1]).load(packages[name].path, Precision.FLOAT32, 0)
        found = list(differences(forward, grey=packages[name].card.modality is not None))
        for halo in HALOS:
            beyond = np.stack([levels[:, halo : halo + CORE] for levels in found])
            squares = np.mean(np.square(beyond, dtype=np.float64))
            tiles = plan(*LARGE, halo=halo, stride=packages[name].card.stride)
            figures = (
                f"{beyond.max():.3f}",
                f"{(beyond > 0.25).mean():.1e}",
                f"{10 * np.log10(255**2 / squares):.1f}",
                f"{cost(tiles) / np.prod(LARGE):.3f}",
            )
            print(line((name, str(halo), *figures)), flush=True)


if __name__ == "__main__":
    main()
