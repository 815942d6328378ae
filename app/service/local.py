"""The operations on decoded images, for the command line; `operations` has those of the service.

`codec` decodes and encodes the files, in confined processes.
"""

import math
import sys
import threading
from collections.abc import Mapping

from app.imaging import noise
from app.imaging.picture import Picture
from app.imaging.removed import shown
from app.inference.batcher import Limits
from app.inference.denoiser import Denoiser
from app.inference.job import Progress
from app.inference.store import ModelPackage, chosen, read_packages
from app.service.errors import UnknownModel
from app.service.models import load_denoiser
from app.service.options import DenoiseOptions, NoiseOptions
from app.settings import Settings
from app.streams import silence

UNLIMITED = Limits(queue_pixels=sys.maxsize, deadline=math.inf)
"""A queue that takes any number of images for any time."""


def denoise(
    denoiser: Denoiser, picture: Picture, options: DenoiseOptions, progress: Progress
) -> tuple[Picture, float]:
    """Denoise a decoded image, in turn with those of other threads.

    Returns the result that the options ask for, and the standard deviation of the noise, 0..1.
    """
    done = denoiser.submit(picture, options.correction, progress=progress).result()
    return shown(picture, done.picture, options.result), done.sigma


def add_noise(picture: Picture, options: NoiseOptions, seed: int) -> Picture:
    """Return a decoded image with noise added."""
    return noise.noisy_picture(
        picture, options.factor, kind=options.kind, channels=options.channels, seed=seed
    )


def packages_of(options: DenoiseOptions, settings: Settings) -> dict[str, ModelPackage]:
    """Return the packages that the images may need, by name.

    The first is that of the model in the options, or else in the settings; in the latter case,
    those for scans of some modality follow. Raises UnknownModel if there is none of that name, and
    BadModelPackage as `read_packages` does.
    """
    packages = read_packages(settings.models_dir)
    name = options.model or settings.model
    if name not in packages:
        raise UnknownModel(name, packages)
    cards = [] if options.model else [package.card for package in packages.values()]
    modalities = [card.modality for card in cards if card.modality]
    names = [name, *(chosen(packages, name, modality) for modality in modalities)]
    return {name: packages[name] for name in names}


def package_of(options: DenoiseOptions, settings: Settings) -> ModelPackage:
    """Return the first of `packages_of`; raise as that does."""
    return next(iter(packages_of(options, settings).values()))


class Denoisers:
    """The models of a command: the first is loaded at once, others with their first image."""

    def __init__(self, packages: Mapping[str, ModelPackage], settings: Settings) -> None:
        """Take the packages from `packages_of`, and load the first, which takes seconds."""
        self._packages, self._settings = packages, settings
        self._default = next(iter(packages))
        self._loading = threading.Lock()
        with silence():
            self._loaded = {self._default: self._load(self._default)}

    def suited_to(self, picture: Picture) -> Denoiser:
        """Return the model for an image; may be called from many threads."""
        name = chosen(self._packages, self._default, picture.modality)
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def close(self) -> None:
        """Abandon queued images."""
        for denoiser in self._loaded.values():
            denoiser.close(0.0)

    def _load(self, name: str) -> Denoiser:
        return load_denoiser(self._packages[name], self._settings, UNLIMITED)
