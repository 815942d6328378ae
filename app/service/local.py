"""The operations on decoded images, for the command line; `operations` are those of the service.

Its files are decoded and encoded by `codec`, in confined processes.
"""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from app.imaging import noise
from app.imaging.codec import Picture
from app.imaging.picture import told
from app.imaging.removed import shown
from app.inference.batcher import Progress
from app.inference.denoiser import Denoiser, Limits
from app.inference.store import BadModelPackage, ModelPackage, read_packages
from app.service.options import DenoiseOptions, NoiseOptions
from app.settings import Settings


def denoise(
    denoiser: Denoiser, picture: Picture, options: DenoiseOptions, progress: Progress
) -> tuple[Picture, float]:
    """Denoise a decoded image by the options; wait for its turn among those of other threads.

    Returns what the options ask to see, and the standard deviation of the noise found, 0..1.
    """
    done = denoiser.submit(picture, **options.correction, progress=progress).result()
    return shown(picture, done.picture, options.result), done.sigma


def add_noise(picture: Picture, options: NoiseOptions, seed: int) -> Picture:
    """Return a decoded image with noise by the options and the seed."""
    noisy = noise.add_noise(
        picture.pixels, options.factor, kind=options.kind, channels=options.channels, seed=seed
    )
    made = f"Noise added: {options.kind}, factor {options.factor:g}."
    return told(replace(picture, pixels=noisy), made)


def package_of(options: DenoiseOptions, settings: Settings) -> ModelPackage:
    """Return the package of the model in the options, or else in the settings.

    Raises BadModelPackage if there is none of that name.
    """
    packages = read_packages(settings.models_dir)
    name = options.model or settings.model
    if name not in packages:
        raise BadModelPackage(f"there is no model {name!r}; there are: {', '.join(packages)}")
    return packages[name]


def load_denoiser(package: ModelPackage, settings: Settings) -> Denoiser:
    """Load and warm the model, with a queue without a time limit."""
    with _silence():
        return Denoiser.load(
            package,
            engine=settings.engine,
            precision=settings.precision,
            threads=settings.threads,
            limits=Limits(deadline=math.inf),
        )


@contextmanager
def _silence() -> Iterator[None]:
    """Close standard error while TensorFlow is imported.

    Its libraries report how they were compiled, whatever their log level.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:  # somebody wants to know
        yield
        return
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
