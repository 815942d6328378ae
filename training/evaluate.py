"""Evaluate how well a method removes noise from images: PSNR, SSIM, RMSE and time."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.imaging.metrics import psnr, rmse, ssim
from app.imaging.scale import Pixels, from_unit, to_unit
from training.cases import cases
from training.casts import movements, rms_and_95th
from training.errors import TrainingError
from training.methods import ensemble_of
from training.rivals import Image, Restore
from training.trial import Trial

SHOWN = 5
"""Images of a trial that are shown individually."""

PERFECT = 60.0
"""Upper limit for the PSNR of an image in dB, even for one that is restored perfectly."""


@dataclass(frozen=True)
class Outcome:
    """An image of a trial, and the result of a method."""

    path: Path
    original: Pixels
    noisy: Image
    restored: Pixels
    """The result in the type of the original: clipped, and rounded for integers."""
    seconds: float

    @cached_property
    def psnr(self) -> float:
        """PSNR in dB, at most PERFECT."""
        return min(PERFECT, psnr(self.original, self.restored))

    @cached_property
    def noisy_psnr(self) -> float:
        """PSNR of the noisy image in dB, clipped and rounded like the result."""
        return min(PERFECT, psnr(self.original, from_unit(self.noisy, self.original.dtype)))

    @cached_property
    def noise(self) -> float:
        """RMS of the noise, on the 0..255 scale."""
        return rmse(self.original, self.noisy) * 255

    @cached_property
    def ssim(self) -> float:
        """Structural similarity, -1..1."""
        return ssim(self.original, self.restored)

    @cached_property
    def rmse(self) -> float:
        """RMSE on the [0, 1] scale."""
        return rmse(self.original, self.restored)

    @cached_property
    def shift(self) -> float:
        """The largest change of the mean of a channel, in 8-bit levels."""
        means = [to_unit(pixels).mean(axis=(0, 1)) for pixels in (self.original, self.restored)]
        return float(abs(means[1] - means[0]).max() * 255)

    @cached_property
    def worst(self) -> float:
        """The largest error of any sample, in 8-bit levels."""
        return float(abs(to_unit(self.restored) - to_unit(self.original)).max() * 255)

    @cached_property
    def moved(self) -> NDArray[np.float64]:
        """Changes of the means of squares from those of the noisy image, in 8-bit levels."""
        return movements(self.noisy, self.restored)

    @property
    def seconds_per_megapixel(self) -> float:
        """Time that the method took, in seconds per megapixel."""
        return self.seconds * 1e6 / self.original[..., 0].size


@dataclass(frozen=True)
class Score:
    """The score of a method in a trial at one noise level: means over images, and the median time.

    `noisy` is the PSNR of the noisy images, `lowest` that of the worst result, `shift` the largest
    change of the mean of a channel, and `worst` the largest error of any value. For pairs, `sigma`
    is the RMS of their noise, and `casts` states by how much the means of squares differ from those
    of the noisy images: RMS and 95th percentile over squares, channels and images, in 8-bit levels.
    """

    dataset: str
    protocol: str
    sigma: float
    noisy: float
    psnr: float
    ssim: float
    rmse: float
    lowest: float
    shift: float
    worst: float
    casts: tuple[float, float] | None
    seconds_per_megapixel: float
    images: int
    first: tuple[Outcome, ...]
    """The first SHOWN images, which are shown individually."""

    def on_card(self) -> dict[str, Any]:
        """Return the fields for a model card."""
        return {
            "dataset": self.dataset,
            "protocol": self.protocol,
            "sigma": round(self.sigma, 2),
            "noisy": round(self.noisy, 3),
            "psnr": round(self.psnr, 3),
            "ssim": round(self.ssim, 4),
            "rmse": round(self.rmse, 5),
            "lowest": round(self.lowest, 3),
            "shift": round(self.shift, 3),
            "worst": round(self.worst, 2),
            **self._casts_on_card(),
        }

    def _casts_on_card(self) -> dict[str, float]:
        if self.casts is None:
            return {}
        rms, most = self.casts
        return {"casts_rms": round(rms, 3), "casts_95": round(most, 3)}


def outcomes(method: Restore, trial: Trial, sigma: float, root: Path) -> Iterator[Outcome]:
    """Yield the result of `method` for each image of the trial below `root`; sigma is on the 0..255
    scale.

    Files that cannot be read are reported and left out. For pairs, the method is given the noise
    level of each.
    """
    method = ensemble_of(method, trial.ensemble)
    for index, case in enumerate(cases(trial, sigma, root)):
        told = rmse(case.original, case.noisy) if trial.noisy else sigma / 255
        repeated = np.repeat(case.noisy, 3 // case.noisy.shape[-1], axis=-1)
        if index == 0:
            method(repeated, told)  # the first run includes compilation
        began = time.perf_counter()
        restored = method(repeated, told)
        seconds = time.perf_counter() - began
        if trial.grey:
            restored = restored.mean(axis=-1, keepdims=True)
        pixels = from_unit(restored, case.original.dtype)
        yield Outcome(case.path, case.original, case.noisy, pixels, seconds)


def score(trial: Trial, sigma: float, results: Iterable[Outcome]) -> Score:
    """Return the score for the outcomes of a trial; raise TrainingError if there are none."""
    first: list[Outcome] = []
    figures: list[tuple[float, ...]] = []
    moved: list[NDArray[np.float64]] = []
    for outcome in results:
        figures.append(
            (
                *(outcome.noisy_psnr, outcome.psnr, outcome.ssim, outcome.rmse),
                *(outcome.shift, outcome.worst, outcome.noise, outcome.seconds_per_megapixel),
            )
        )
        if trial.noisy:
            moved.append(outcome.moved)
        if len(first) < SHOWN:
            first.append(outcome)
    if not figures:
        raise TrainingError(f"{trial.dataset}: no image to measure with")
    noisy, psnrs, ssims, rmses, shifts, worst, noise, times = zip(*figures, strict=True)
    return Score(
        dataset=trial.dataset,
        protocol=str(trial),
        sigma=fmean(noise) if trial.noisy else sigma,
        noisy=fmean(noisy),
        psnr=fmean(psnrs),
        ssim=fmean(ssims),
        rmse=fmean(rmses),
        lowest=min(psnrs),
        shift=max(shifts),
        worst=max(worst),
        casts=rms_and_95th(np.concatenate(moved)) if moved else None,
        seconds_per_megapixel=median(times),
        images=len(figures),
        first=tuple(first),
    )
