"""What all rivals share: the codecs and the compiled network of the service."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.imaging.codec import Picture, decode, encode
from app.imaging.scale import Pixels
from app.inference.engine import Engine, Precision, configure_tensorflow
from app.inference.store import read_packages

MAX_PIXELS = 100_000_000


class Model:
    """The default model, for whole pictures, and batches of those that are of one size."""

    def __init__(self, folder: Path = Path("models"), name: str = "unet") -> None:
        package = read_packages(folder)[name]
        self.card = package.card
        configure_tensorflow(Precision.AUTO, 0)
        self._engine, self._stride = Engine(package.path), package.card.stride
        self.denoise([np.zeros((256, 256, 3), np.uint8)])

    def denoise(self, pictures: Sequence[Pixels]) -> list[Pixels]:
        """Pictures [h, w, c] without their noise, in their order."""
        alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, pixels in enumerate(pictures):
            alike[pixels.shape].append(index)
        results: dict[int, Pixels] = {}
        for (height, width, _), members in alike.items():
            edge = ((0, 0), (0, -height % self._stride), (0, -width % self._stride), (0, 0))
            batch = np.pad(np.stack([pictures[i] for i in members]), edge, mode="reflect")
            restored = self._engine.forward(batch)[:, :height, :width]
            results.update(zip(members, restored, strict=True))
        return [results[index] for index in range(len(pictures))]


def read(data: bytes) -> Picture:
    """A file as a picture."""
    return decode(data, max_pixels=MAX_PIXELS)


def write(picture: Picture, restored: Pixels) -> tuple[bytes, str]:
    """A denoised picture as a file of the format that it came in, and its media type."""
    encoded = encode(replace(picture, pixels=restored))
    return encoded.data, encoded.format.media_type
