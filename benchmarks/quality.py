"""How well a running service denoises: posts noisy pictures to it and scores what comes back.

    python -m benchmarks.quality FOLDER [--url http://127.0.0.1:8000] [--sigmas 25 51 102]

Noise as a service meets it: Gaussian of the given sigma (0..255 scale), drawn after
`numpy.random.seed(0)` for each picture, clipped to the range and rounded to 8 bits, or to 16 with
`--depth 16`; `--shared` draws one plane for all channels, as grey pictures stored in colour have
it. The mean of the per-picture RGB PSNR and SSIM, no border cut, and the noise that the service
says it found (X-Noise-Sigma) over the noise that was there: mean, and how many are within 10%.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import numpy as np

from app.imaging import formats
from app.imaging.codec import Format, Picture, decode, encode
from app.imaging.metrics import psnr, ssim
from app.imaging.scale import from_unit, to_unit


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


def score(
    client: httpx.Client, clean: Picture, sigma: float, protocol: Protocol
) -> tuple[float, float, float]:
    """PSNR in dB and SSIM of what the service makes of the corrupted picture, and noise found."""
    noisy = corrupted(clean, sigma, protocol)
    answer = client.post(
        "/denoise",
        content=encode(noisy, Format.PNG).data,
        headers={"Content-Type": "image/png"},
        params={"model": protocol.model} if protocol.model else {},
    )
    answer.raise_for_status()
    restored = decode(answer.content, max_pixels=clean.size)
    found = float(answer.headers["X-Noise-Sigma"]) * 255 / sigma
    return psnr(clean.pixels, restored.pixels), ssim(clean.pixels, restored.pixels), found


def main() -> None:
    """Prints a Markdown table, one row a sigma."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--model", help="the service's default, unless given")
    parser.add_argument("--sigmas", type=float, nargs="+", default=[25, 51, 102])
    parser.add_argument("--depth", type=int, choices=(8, 16), default=8)
    parser.add_argument("--shared", action="store_true", help="one noise plane for all channels")
    options = parser.parse_args()
    files = sorted(f for f in options.folder.rglob("*") if f.suffix.lower() in formats.suffixes())
    if not files:
        parser.error(f"no pictures below {options.folder}")
    pictures = [decode(file.read_bytes(), max_pixels=100_000_000) for file in files]
    print(
        f"{len(pictures)} pictures of {options.folder.name}, {options.depth}-bit, clipped noise\n"
    )
    print("| sigma | PSNR, dB | SSIM | noise found / true | within 10% |\n|---|---|---|---|---|")
    protocol = Protocol(np.dtype(f"uint{options.depth}"), options.shared, options.model)
    with httpx.Client(base_url=options.url, timeout=120) as client:
        for sigma in options.sigmas:
            scores = np.array([score(client, p, sigma, protocol) for p in pictures])
            decibels, similarity, found = scores.mean(axis=0)
            close = int((abs(scores[:, 2] - 1) <= 0.1).sum())
            print(
                f"| {sigma:g} | {decibels:.2f} | {similarity:.4f} | {found:.3f} "
                f"| {close} of {len(scores)} |"
            )


if __name__ == "__main__":
    main()
