"""Measure the noise that is left next to flat margins: the PSNR there, with and without margins.

    python -m benchmarks.margins [--model unet] [--images pictures/]

Pictures with noise of sigma 15 and 25 get a margin of the halo's width: black, white, grey, or
transparent. Printed is the mean PSNR of the pixels within the halo of the margin: as the service
does it (`app/imaging/bare.py`), as it would be if the network saw the margin as it is, and of the
same pixels where there is no margin. Without `--images`, the page's landscape is the picture. The
bound: a margin costs 0.6 dB at most.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import numpy as np

from app.api.routes.page import STATIC
from app.imaging.codec import decode
from app.imaging.metrics import psnr
from app.imaging.noise import add_noise
from app.imaging.picture import Picture
from app.imaging.scale import Pixels
from app.inference.denoiser import Denoiser
from app.inference.store import read_packages
from benchmarks.markdown import Bound, head, line, report

MODELS = Path("models")
SAMPLES = STATIC / "samples"
SIGMAS = (15, 25)
LEVELS = {"black": 0, "white": 255, "grey": 128, "transparent": None}
MOST_LOST = 0.6
"""Decibels."""


def framed(noisy: Pixels, width: int, level: int | None) -> Picture:
    """Return a picture with a margin of so many pixels; None for one under an alpha of 0."""
    edges = ((width, width), (width, width))
    pixels = np.pad(noisy, (*edges, (0, 0)), constant_values=level or 0)
    alpha = np.pad(np.full(noisy.shape[:2], 255, np.uint8), edges) if level is None else None
    return Picture(pixels, alpha)


def beside(clean: Pixels, found: Pixels, halo: int) -> float:
    """Return the PSNR of what is within `halo` pixels of the edges."""
    ring = np.ones(clean.shape[:2], bool)
    ring[halo:-halo, halo:-halo] = False
    return psnr(clean[ring][None], found[ring][None])


def measure(denoiser: Denoiser, clean: Pixels, sigma: int) -> Iterator[tuple[str, list[float]]]:
    """Yield each margin with PSNR by the service, with the margin bare, and without a margin."""
    noisy, halo = add_noise(clean, sigma / 255, seed=0), denoiser.card.halo
    alone = beside(clean, denoiser.submit(Picture(noisy)).result().picture.pixels, halo)
    for name, level in LEVELS.items():
        found = []
        for context in (nullcontext(), patch("app.imaging.view.find_bare", return_value=None)):
            with context:
                result = denoiser.submit(framed(noisy, halo, level)).result().picture.pixels
            found.append(beside(clean, result[halo:-halo, halo:-halo], halo))
        yield name, [*found, alone]


def main() -> int:
    """Print the table; return 1 if the bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="unet")
    parser.add_argument("--images", type=Path, help="a folder of clean images of 8 bits")
    options = parser.parse_args()
    folder = options.images
    files = sorted(folder.iterdir()) if folder else [SAMPLES / "landscape.png"]
    pictures = [decode(each.read_bytes(), max_pixels=10**8).pixels for each in files]
    denoiser = Denoiser.load(read_packages(MODELS)[options.model])
    lost = 0.0
    print(head("sigma", "margin", "PSNR beside it", "if the network saw it bare", "without one"))
    for sigma in SIGMAS:
        rows = zip(*(measure(denoiser, each, sigma) for each in pictures), strict=True)
        for row in rows:
            found = np.mean([values for _, values in row], axis=0)
            lost = max(lost, found[2] - found[0])
            print(line((str(sigma), row[0][0], *(f"{value:.2f}" for value in found))), flush=True)
    denoiser.close()
    print()
    return report([Bound("lost beside a margin", lost, MOST_LOST, "dB")])


if __name__ == "__main__":
    sys.exit(main())
