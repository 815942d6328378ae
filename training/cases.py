"""The images of a trial, with and without noise."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.imaging.noise import ChannelMode, NoiseKind, add_noise
from app.imaging.picture import ImagingError
from app.imaging.scale import Pixels, from_unit, to_unit
from training.errors import TrainingError
from training.graphics import FOR_TRIALS, draw
from training.images import Skipped, image_files, read, read_each, resize, to_grey
from training.pairs import pairs, read_pair
from training.rivals import Image
from training.split import split, thumbnail
from training.texture import enlarge, textured, through_jpeg
from training.trial import Trial

EIGHT_BITS = np.dtype(np.uint8)


@dataclass(frozen=True)
class Case:
    """An image of a trial, without noise and with it."""

    path: Path
    original: Pixels
    noisy: Image


def cases(trial: Trial, sigma: float, root: Path) -> Iterator[Case]:
    """Return the images of a trial below `root`; sigma, on the 0..255 scale, is ignored for pairs.

    Files that cannot be read, and pairs whose sizes differ, are reported and left out. Raises
    TrainingError if there is nothing to read, or a file has no partner.
    """
    return _paired(trial, root) if trial.noisy else _made(trial, sigma, root)


def _paired(trial: Trial, root: Path) -> Iterator[Case]:
    for pair in pairs(root / trial.path, trial.noisy or "", trial.clean or "")[: trial.limit]:
        try:
            noisy, clean = (prepare(pixels, trial) for pixels in read_pair(pair))
        except (ImagingError, OSError) as error:
            _tell(Skipped(pair.noisy, str(error)))
        else:
            yield Case(pair.noisy, clean, to_unit(noisy))


def _made(trial: Trial, sigma: float, root: Path) -> Iterator[Case]:
    for index, (path, pixels) in enumerate(_drawn(trial) if trial.drawn else _read(trial, root)):
        original = prepare(pixels, trial)
        noisy = make_noisy(original, trial, sigma, seed=index + 1 if trial.fresh else 0)
        yield Case(path, original, noisy)


def _drawn(trial: Trial) -> Iterator[tuple[Path, Pixels]]:
    pictures = draw(trial.drawn or 0, FOR_TRIALS, trial.subjects)
    for index, pixels in enumerate(pictures):
        yield Path(f"drawn-{index}"), pixels


def _read(trial: Trial, root: Path) -> Iterator[tuple[Path, Pixels]]:
    for path in trial_files(trial, root):
        try:
            yield path, read(path)
        except (ImagingError, OSError) as error:
            _tell(Skipped(path, str(error)))


def trial_files(trial: Trial, root: Path) -> list[Path]:
    """Return the files of a trial; with a test share, only those that training held out.

    Which ones these are depends on the files that can be read; the others are reported. Raises
    TrainingError if there is no file, or if the share holds none out.
    """
    files = image_files(root / trial.path, trial.only)
    if trial.test_share:
        thumbnails, skipped = read_each(files, lambda path: thumbnail(read(path)))
        for each in skipped:
            _tell(each)
        files = list(thumbnails)
        _, held_out = split(files, list(thumbnails.values()), trial.split, trial.test_share)
        if not held_out:
            raise TrainingError(
                f"{trial.dataset}: a test share of {trial.test_share:g} holds out none of "
                f"{len(files)} images"
            )
        files = [files[index] for index in held_out]
    return files[: trial.limit]


def prepare(pixels: Pixels, trial: Trial) -> Pixels:
    """Return the image to which the trial adds noise: squeezed, converted to grey [h, w, 1], or
    unchanged.
    """
    if trial.square:
        pixels = resize(pixels, trial.square, trial.square)
    return to_grey(pixels)[..., :1] if trial.grey else pixels


def make_noisy(original: Pixels, trial: Trial, sigma: float, seed: int) -> Image:
    """Return the image with the noise of the trial, on the [0, 1] scale.

    Gaussian noise is drawn by NumPy's legacy generator, as for the published tables.
    """
    clean, factor = to_unit(original), sigma / 255
    if trial.kind is not NoiseKind.GAUSSIAN:
        mode = ChannelMode.SHARED if trial.shared else ChannelMode.INDEPENDENT
        noisy = add_noise(clean, factor, kind=trial.kind, channels=mode, seed=seed)
    else:
        noisy = (clean + factor * _gaussian(clean.shape, trial, seed)).astype(np.float32)
    if trial.protocol == "published":
        return noisy
    arrived = from_unit(noisy, EIGHT_BITS)
    if trial.jpeg:
        arrived = through_jpeg(arrived, trial.jpeg)
    return to_unit(arrived)


def _gaussian(shape: tuple[int, ...], trial: Trial, seed: int) -> NDArray[np.float64]:
    """Return noise for an image of this shape, of deviation 1 before it is enlarged."""
    height, width, channels = shape
    rows, columns = (-(-length // trial.enlarged) for length in (height, width))
    planes = 1 if trial.shared or trial.part == "luma" else channels
    white = np.random.RandomState(seed).standard_normal((rows, columns, planes))
    return enlarge(textured(white, trial.blur, trial.part), trial.enlarged)[:height, :width]


def _tell(skipped: Skipped) -> None:
    print(f"skipped {skipped.path}: {skipped.reason}", file=sys.stderr)
