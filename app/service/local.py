"""The operations in this process, for the command line and the bulk command.

Whoever runs these trusts the files; those of the service's callers go through `operations`.
"""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app.imaging import noise
from app.imaging.codec import Format, Picture, decode, read_header
from app.imaging.picture import told
from app.imaging.removed import shown
from app.inference.denoiser import Denoised, Denoiser, Limits
from app.inference.store import BadModelPackage, ModelPackage, read_packages
from app.service.options import DenoiseOptions, NoiseOptions
from app.service.room import Room
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Result:
    """A denoised image as a file."""

    data: bytes
    format: Format
    sigma: float
    """Standard deviation of the noise found, 0..1."""
    pixels: int


class Pipeline:
    """Decode, denoise and encode; called from many threads, whose images share batches."""

    def __init__(self, denoiser: Denoiser, options: DenoiseOptions, settings: Settings) -> None:
        self._denoiser, self._options, self._settings = denoiser, options, settings
        self._room = Room()

    def __call__(self, data: bytes) -> Result:
        """Denoise a file; wait while the images of other threads fill the memory.

        Raises ImagingError if it cannot be read, or encoded as the options ask for.
        """
        options, settings = self._options, self._settings
        size = read_header(data).size
        with self._room.hold(size):
            picture = decode(data, max_pixels=settings.max_pixels, max_side=settings.max_side)
            target = options.format_for(picture.format, lossless=picture.metadata.lossless)
            denoised = denoise(self._denoiser, picture, options)
            encoded = options.encode(shown(picture, denoised.picture, options.result), target)
            return Result(encoded.data, encoded.format, denoised.sigma, size)


def denoise(denoiser: Denoiser, picture: Picture, options: DenoiseOptions) -> Denoised:
    """Denoise a decoded image by the options; wait for its turn among those of other threads."""
    return denoiser.submit(picture, **options.correction).result()


def add_noise(picture: Picture, options: NoiseOptions, seed: int) -> Picture:
    """Return a decoded image with noise by the options and the seed."""
    noisy = noise.add_noise(
        picture.pixels, options.factor, kind=options.kind, channels=options.channels, seed=seed
    )
    made = f"Noise added: {options.kind}, factor {options.factor:g}."
    return told(replace(picture, pixels=noisy), made)


def pipeline_of(options: DenoiseOptions, settings: Settings) -> Pipeline:
    """Return a pipeline with its model loaded and warm; raises BadModelPackage."""
    return Pipeline(load_denoiser(package_of(options, settings), settings), options, settings)


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
