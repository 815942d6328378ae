"""One picture's way through this process: the bytes of a file in, those of the result out."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.files import PIXELS_AT_ONCE, Room
from app.imaging.codec import Format, Picture, decode, read_header
from app.inference.denoiser import Denoised, Denoiser, Limits
from app.inference.store import BadModelPackage, ModelPackage, read_packages
from app.service.options import DenoiseOptions
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Result:
    """A denoised picture as a file."""

    data: bytes
    format: Format
    sigma: float
    """Standard deviation of the noise that was found, 0..1."""
    pixels: int


class Pipeline:
    """Decodes, denoises and encodes; called from many threads, whose pictures share batches."""

    def __init__(self, denoiser: Denoiser, options: DenoiseOptions, settings: Settings) -> None:
        self._denoiser, self._options, self._settings = denoiser, options, settings
        self._room = Room(PIXELS_AT_ONCE)

    def __call__(self, data: bytes) -> Result:
        """Denoise a file; waits while the pictures of other threads fill the memory.

        Raises ImagingError where it cannot be read, or written as the options ask for.
        """
        options, settings = self._options, self._settings
        size = read_header(data).size
        with self._room.hold(size):
            picture = decode(data, max_pixels=settings.max_pixels, max_side=settings.max_side)
            target = options.format_for(picture.format, lossless=picture.metadata.lossless)
            denoised = denoise(self._denoiser, picture, options)
            encoded = options.encode(denoised.picture, target)
            return Result(encoded.data, encoded.format, denoised.sigma, size)


def denoise(denoiser: Denoiser, picture: Picture, options: DenoiseOptions) -> Denoised:
    """The picture without its noise, by these options; waits for its turn among other threads'."""
    return denoiser.submit(
        picture,
        strength=options.shares,
        range_=options.working_range,
        transfer=options.transfer,
        axes=options.axes,
    ).result()


def pipeline_of(options: DenoiseOptions, settings: Settings) -> Pipeline:
    """Return a pipeline with its model loaded and warm; raises BadModelPackage."""
    return Pipeline(load_denoiser(package_of(options, settings), settings), options, settings)


def package_of(options: DenoiseOptions, settings: Settings) -> ModelPackage:
    """The model that the options name, or the settings; raises BadModelPackage if there is none."""
    packages = read_packages(settings.models_dir)
    name = options.model or settings.model
    if name not in packages:
        raise BadModelPackage(f"there is no model {name!r}; these are: {', '.join(packages)}")
    return packages[name]


def load_denoiser(package: ModelPackage, settings: Settings) -> Denoiser:
    """The model, loaded and warm, with a queue in which work may wait without end."""
    with _silence():
        return Denoiser.load(
            package,
            engine=settings.engine,
            precision=settings.precision,
            threads=settings.threads,
            limits=Limits(deadline=math.inf),  # nobody waits for an answer
        )


@contextmanager
def _silence() -> Iterator[None]:
    """TensorFlow's libraries tell stderr how they were compiled, whatever the level of its log."""
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
