"""How well a running service denoises: posts noisy pictures to it and scores what comes back.

    python -m benchmarks.quality FOLDER [--url http://127.0.0.1:8000] [--sigmas 25 51 102]

Noise as a service meets it: Gaussian of the given sigma (0..255 scale), drawn after
`numpy.random.seed(0)` for each picture, clipped to the range and rounded to 8 bits, or to 16 with
`--depth 16`. The mean of the per-picture RGB PSNR and SSIM, no border cut.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from statistics import mean

import httpx
import numpy as np

from app.imaging.codec import Format, Picture, decode, encode
from app.imaging.metrics import psnr, ssim
from app.imaging.scale import from_unit, to_unit

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"}


def corrupted(clean: Picture, sigma: float, dtype: np.dtype[np.unsignedinteger]) -> Picture:
    """`clean` with noise of `sigma` (0..255 scale), in integers of `dtype`."""
    np.random.seed(0)  # noqa: NPY002 - the protocol of the published tables
    noise = np.random.normal(0.0, sigma / 255, clean.pixels.shape)  # noqa: NPY002
    return replace(clean, pixels=from_unit(to_unit(clean.pixels) + noise, dtype), format=Format.PNG)


def score(
    client: httpx.Client, clean: Picture, sigma: float, depth: int, model: str | None
) -> tuple[float, float]:
    """PSNR in dB and SSIM of what the service makes of the corrupted picture."""
    noisy = corrupted(clean, sigma, np.dtype(f"uint{depth}"))
    answer = client.post(
        "/denoise",
        content=encode(noisy).data,
        headers={"Content-Type": "image/png"},
        params={"model": model} if model else {},
    )
    answer.raise_for_status()
    restored = decode(answer.content, max_pixels=clean.size)
    return psnr(clean.pixels, restored.pixels), ssim(clean.pixels, restored.pixels)


def main() -> None:
    """Prints a Markdown table, one row a sigma."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--model", help="the service's default, unless given")
    parser.add_argument("--sigmas", type=float, nargs="+", default=[25, 51, 102])
    parser.add_argument("--depth", type=int, choices=(8, 16), default=8)
    options = parser.parse_args()
    files = sorted(f for f in options.folder.rglob("*") if f.suffix.lower() in SUFFIXES)
    if not files:
        parser.error(f"no pictures below {options.folder}")
    pictures = [decode(file.read_bytes(), max_pixels=100_000_000) for file in files]
    print(
        f"{len(pictures)} pictures of {options.folder.name}, {options.depth}-bit, clipped noise\n"
    )
    print("| sigma | PSNR, dB | SSIM |\n|---|---|---|")
    with httpx.Client(base_url=options.url, timeout=120) as client:
        for sigma in options.sigmas:
            scores = [score(client, p, sigma, options.depth, options.model) for p in pictures]
            decibels, similarity = (mean(column) for column in zip(*scores, strict=True))
            print(f"| {sigma:g} | {decibels:.2f} | {similarity:.4f} |")


if __name__ == "__main__":
    main()
