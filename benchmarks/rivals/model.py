"""What all rivals share: the codecs of the service, and the network in either of two forms."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.imaging.codec import decode, encode
from app.imaging.formats import FORMATS
from app.imaging.picture import Picture
from app.imaging.scale import Pixels
from app.inference.engines import Forward, Precision, choice
from app.inference.store import read_packages
from app.settings import Settings

MAX_PIXELS = 100_000_000


class Documented:
    """The .keras file as Keras's own documentation has it served: loaded, and asked by batch."""

    def __init__(self, path: Path) -> None:
        import keras  # which loads TensorFlow: not beside another engine

        self._model = keras.models.load_model(path, compile=False)

    def forward(self, tiles: Pixels) -> Pixels:
        """Return the denoised tiles [n, height, width, 3], uint8 as they came."""
        clean = self._model.predict_on_batch(tiles.astype(np.float32) / 255)
        restored: Pixels = np.rint(np.clip(clean, 0, 1) * 255).astype(np.uint8)
        return restored


class Model:
    """The default model, for whole pictures, and batches of those that are of one size.

    `compiled` is the network as this service compiles it, on the engine and at the precision that
    its settings name; else it is what the file gives to anybody.
    """

    def __init__(self, compiled: bool = True) -> None:
        package = read_packages(Path("models"))["unet"]
        self.card = package.card
        if compiled:
            settings = Settings()
            options = settings.engine, Precision(settings.precision), settings.threads
            self._forward: Forward = choice.load(package.path, *options)[1]
        else:
            self._forward = Documented(package.path).forward
        self._stride = package.card.stride
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
            restored = self._forward(batch)[:, :height, :width]
            results.update(zip(members, restored, strict=True))
        return [results[index] for index in range(len(pictures))]


def read(data: bytes) -> Picture:
    """Return a file as an image."""
    return decode(data, max_pixels=MAX_PIXELS)


def write(picture: Picture, restored: Pixels) -> tuple[bytes, str]:
    """Return a denoised image as a file of the format that it came in, and its media type."""
    encoded = encode(replace(picture, pixels=restored))
    return encoded.data, FORMATS[encoded.format].media_type
