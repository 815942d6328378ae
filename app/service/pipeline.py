"""Denoise files in bulk, from many threads and without time limits."""

from dataclasses import dataclass
from typing import Self

from app.imaging.picture import Format
from app.inference.job import Progress
from app.service import local
from app.service.codec import ConfinedCodec
from app.service.options import DenoiseOptions
from app.service.room import Room
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Result:
    """A denoised image as a file."""

    data: bytes
    format: Format
    model: str
    """Name of the model that denoised it."""
    sigma: float
    """Standard deviation of the noise found, 0..1."""
    pixels: int


class Pipeline:
    """Decode, denoise and encode files; called from many threads, whose images share batches.

    Files are decoded and encoded in confined processes, so that a crash costs a single image.
    """

    def __init__(self, options: DenoiseOptions, settings: Settings) -> None:
        """Load the model; raise UnknownModel if the options name one that does not exist."""
        packages = local.packages_of(options, settings)
        self._options, self._room = options, Room()
        self._codec = ConfinedCodec(settings)
        try:
            self._denoisers = local.Denoisers(packages, settings)
        except BaseException:
            self._codec.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._denoisers.close()
        self._codec.close()

    def __call__(self, data: bytes) -> Result:
        """Denoise a file; wait while the images of other threads fill the memory.

        Raises ImagingError if it cannot be read, or not encoded as the options ask for, and
        WorkerLost or MemoryError if it takes more time or memory than its pixels justify.
        """
        options, size = self._options, self._codec.read_header(data).size
        with self._room.hold(size):
            picture = self._codec.decode(data)
            target = options.format_for(picture.format, lossless=picture.metadata.lossless)
            denoiser = self._denoisers.suited_to(picture)
            result, sigma = local.denoise(denoiser, picture, options, Progress())
            file = self._codec.encode(result, target, options.quality, strip=options.strips)
            return Result(bytes(file.data), target, denoiser.card.name, sigma, size)
