"""How well a method removes noise: PSNR, SSIM, RMSE and time, over a folder of images."""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from app.imaging.codec import ImagingError
from app.imaging.metrics import psnr, rmse, ssim
from app.imaging.noise import ChannelMode, NoiseKind, add_noise
from app.imaging.scale import Pixels, from_unit, to_unit
from training.anatomy import anatomy
from training.errors import TrainingError
from training.experiment import Trial
from training.images import Skipped, image_files, read, read_each, resize, to_grey
from training.rivals import Image, Restore
from training.split import split, thumbnail

SHOWN = 5
"""Images of a trial that are shown one by one."""

PERFECT = 60.0
"""PSNR in dB that an image counts with which comes back better than that, or unchanged."""


@dataclass(frozen=True)
class Outcome:
    """One image of a trial, and what a method made of it."""

    path: Path
    original: Pixels
    noisy: Image
    restored: Pixels
    """In the type of the original: clipped, and rounded if that is one of integers."""
    seconds: float

    @cached_property
    def psnr(self) -> float:
        """In dB, at most PERFECT."""
        return min(PERFECT, psnr(self.original, self.restored))

    @cached_property
    def ssim(self) -> float:
        """Structural similarity, -1..1."""
        return ssim(self.original, self.restored)

    @cached_property
    def rmse(self) -> float:
        """On the [0, 1] scale."""
        return rmse(self.original, self.restored)

    @cached_property
    def shift(self) -> float:
        """By how much the mean of a channel has moved, at most, in 8-bit levels."""
        means = [to_unit(pixels).mean(axis=(0, 1)) for pixels in (self.original, self.restored)]
        return float(abs(means[1] - means[0]).max() * 255)

    @property
    def seconds_per_megapixel(self) -> float:
        """Time that the method took."""
        return self.seconds * 1e6 / self.original[..., 0].size


@dataclass(frozen=True)
class Score:
    """A method in a trial at one noise level: means over the images, and the median time.

    `lowest` is the PSNR of the image that came out worst, `shift` that of the one that moved most.
    """

    dataset: str
    protocol: str
    sigma: float
    psnr: float
    ssim: float
    rmse: float
    lowest: float
    shift: float
    seconds_per_megapixel: float
    images: int
    first: tuple[Outcome, ...]
    """Up to five of them, as the article shows them."""

    def on_card(self) -> dict[str, Any]:
        """What of it a model card states."""
        return {
            "dataset": self.dataset,
            "protocol": self.protocol,
            "sigma": self.sigma,
            "psnr": round(self.psnr, 3),
            "ssim": round(self.ssim, 4),
            "rmse": round(self.rmse, 5),
            "lowest": round(self.lowest, 3),
            "shift": round(self.shift, 3),
        }


def network_method(network: Any) -> Restore:
    """A network as a method: the picture goes through it whole.

    It is extended at the right and at the bottom to a multiple of the network's stride, by
    reflection, as in the service.
    """
    stride = anatomy(network).stride

    def restore(noisy: Image, sigma: float) -> Image:  # noqa: ARG001 - it is blind
        height, width, _ = noisy.shape
        padding = ((0, -height % stride), (0, -width % stride), (0, 0))
        padded = np.pad(noisy, padding, mode="reflect")
        result: Image = network.predict_on_batch(padded[None])[0, :height, :width]
        return result

    return restore


def outcomes(method: Restore, trial: Trial, sigma: float, root: Path) -> Iterator[Outcome]:
    """What `method` makes of each image of the trial below `root`; sigma is on the 0..255 scale.

    A file that cannot be read is reported and left out.
    """
    for index, path in enumerate(trial_files(trial, root)):
        try:
            original = prepare(read(path), trial)
        except (ImagingError, OSError) as error:
            _tell(Skipped(path, str(error)))
            continue
        noisy = make_noisy(original, trial, sigma, seed=index + 1 if trial.fresh else 0)
        repeated = np.repeat(noisy, 3 // noisy.shape[-1], axis=-1)
        if index == 0:
            method(repeated, sigma / 255)  # what is compiled first is not timed
        began = time.perf_counter()
        restored = method(repeated, sigma / 255)
        seconds = time.perf_counter() - began
        if trial.grey:
            restored = restored.mean(axis=-1, keepdims=True)
        yield Outcome(path, original, noisy, from_unit(restored, original.dtype), seconds)


def trial_files(trial: Trial, root: Path) -> list[Path]:
    """The files of a trial, those that training held out where it names a share of them.

    Which those are depends on the files that can be read; the others are reported. Raises
    TrainingError where there is no file, or the share holds none out.
    """
    files = image_files(root / trial.path, trial.only)
    if trial.test_share:
        thumbnails = dict(read_each(files, thumbnail))
        for skipped in thumbnails.values():
            if isinstance(skipped, Skipped):
                _tell(skipped)
        readable = {p: t for p, t in thumbnails.items() if not isinstance(t, Skipped)}
        files, known = list(readable), list(readable.values())
        _, held_out = split(files, known, trial.split, trial.test_share)
        if not held_out:
            raise TrainingError(
                f"{trial.dataset}: a test share of {trial.test_share:g} holds out none of "
                f"{len(files)} images"
            )
        files = [files[index] for index in held_out]
    return files[: trial.limit]


def prepare(pixels: Pixels, trial: Trial) -> Pixels:
    """An image as the trial has it: squeezed, or grey [h, w, 1], or as it is."""
    if trial.square:
        pixels = resize(pixels, trial.square, trial.square)
    return to_grey(pixels)[..., :1] if trial.grey else pixels


def make_noisy(original: Pixels, trial: Trial, sigma: float, seed: int) -> Image:
    """The image with the noise of the trial, on the [0, 1] scale.

    Gaussian noise comes from NumPy's legacy generator, as in the published tables.
    """
    clean, factor = to_unit(original), sigma / 255
    if trial.kind is not NoiseKind.GAUSSIAN:
        mode = ChannelMode.SHARED if trial.shared else ChannelMode.INDEPENDENT
        noisy = add_noise(clean, factor, kind=trial.kind, channels=mode, seed=seed)
    else:
        planes = 1 if trial.shared else clean.shape[-1]
        normal = np.random.RandomState(seed).standard_normal((*clean.shape[:2], planes))
        noisy = (clean + factor * normal).astype(np.float32)
    if trial.protocol == "service":
        noisy = to_unit(from_unit(noisy, np.dtype(np.uint8)))
    return noisy


def score(trial: Trial, sigma: float, results: Iterable[Outcome]) -> Score:
    """The means over the outcomes of a trial; raises TrainingError if there are none."""
    first: list[Outcome] = []
    figures: list[tuple[float, ...]] = []
    for o in results:
        figures.append((o.psnr, o.ssim, o.rmse, o.shift, o.seconds_per_megapixel))
        if len(first) < SHOWN:
            first.append(o)
    if not figures:
        raise TrainingError(f"{trial.dataset}: no image to measure with")
    psnrs, ssims, rmses, shifts, times = zip(*figures, strict=True)
    return Score(
        dataset=trial.dataset,
        protocol=str(trial),
        sigma=sigma,
        psnr=fmean(psnrs),
        ssim=fmean(ssims),
        rmse=fmean(rmses),
        lowest=min(psnrs),
        shift=max(shifts),
        seconds_per_megapixel=median(times),
        images=len(figures),
        first=tuple(first),
    )


def first_rmse(scores: Iterable[tuple[str, Score]]) -> str:
    """RMSE of the first images of each trial, as the article tells it, as a Markdown table."""
    rows = [
        (
            method,
            s.dataset,
            s.protocol,
            f"{s.sigma:g}",
            " ".join(f"{o.rmse:.4f}" for o in s.first),
            f"{fmean(o.rmse for o in s.first):.4f}",
        )
        for method, s in scores
    ]
    return _markdown(
        ("method", "images", "noise and protocol", "sigma", "RMSE of the first", "mean"), rows
    )


def table(scores: Iterable[tuple[str, Score]]) -> str:
    """Scores by the name of the method, as a Markdown table."""
    head = (
        *("method", "images", "noise and protocol", "sigma"),
        *("PSNR", "lowest", "SSIM", "RMSE", "shift", "s/MP"),
    )
    rows = [
        (
            method,
            f"{s.dataset} ({s.images})",
            s.protocol,
            f"{s.sigma:g}",
            f"{s.psnr:.2f}",
            f"{s.lowest:.2f}",
            f"{s.ssim:.4f}",
            f"{s.rmse:.4f}",
            f"{s.shift:.2f}",
            f"{s.seconds_per_megapixel:.2f}",
        )
        for method, s in scores
    ]
    return _markdown(head, rows)


def _tell(skipped: Skipped) -> None:
    print(f"skipped {skipped.path}: {skipped.reason}", file=sys.stderr)


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
