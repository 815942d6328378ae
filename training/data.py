"""Clean patches from folders of images."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels, to_unit
from training.errors import TrainingError
from training.experiment import Data, Folder
from training.graphics import FOR_TRAINING, draw
from training.images import Skipped, image_files, read_each, resize, to_grey
from training.split import split, thumbnail

Batch = NDArray[np.float32]

AHEAD = 8
"""Batches made in advance."""


@dataclass(frozen=True)
class Images:
    """What a folder came to: pixels in memory, one copy a scale, none smaller than a patch."""

    training: list[list[Pixels]]
    held_out: list[list[Pixels]]
    skipped: list[Skipped]

    @property
    def copies(self) -> list[Pixels]:
        """All that patches are drawn from."""
        return [copy for image in self.training for copy in image]


def load(folder: Folder, root: Path, data: Data) -> Images:
    """Reads the folder below `root`, or draws its graphics.

    Raises TrainingError if there is nothing to train on.
    """

    def prepare(pixels: Pixels) -> tuple[NDArray[np.float32], list[Pixels]]:
        return thumbnail(pixels), copies(pixels, folder, data)

    results: dict[Path, tuple[NDArray[np.float32], list[Pixels]] | Skipped]
    if folder.drawn:
        drawn = draw(folder.drawn, FOR_TRAINING)
        results = {Path(f"drawn-{index}"): prepare(pixels) for index, pixels in enumerate(drawn)}
    else:
        results = dict(read_each(image_files(root / folder.path, folder.only), prepare))
    skipped = [result for result in results.values() if isinstance(result, Skipped)]
    readable = {p: r for p, r in results.items() if not isinstance(r, Skipped)}
    skipped += [
        Skipped(path, f"too small for patches of {data.patch} pixels")
        for path, (_, sizes) in readable.items()
        if not sizes
    ]
    # Small images take part in the split: evaluation, which knows no patch, comes to the same.
    thumbnails, images = zip(*readable.values(), strict=True) if readable else ((), ())
    training, held_out = split(list(readable), thumbnails, folder.split, folder.test_share)
    loaded = Images(
        [images[i] for i in training if images[i]],
        [images[i] for i in held_out if images[i]],
        skipped,
    )
    if not loaded.training:
        first = f"; {skipped[0].path}: {skipped[0].reason}" if skipped else ""
        place = folder.label if folder.drawn else root / folder.path
        raise TrainingError(f"{place}: none of {len(results)} images will do{first}")
    return loaded


def copies(pixels: Pixels, folder: Folder, data: Data) -> list[Pixels]:
    """The sizes in which an image is trained on; none if it is far smaller than a patch."""
    height, width, _ = pixels.shape
    shorter = min(height, width)
    if 2 * shorter < data.patch:
        return []
    if data.whole:
        return [resize(pixels, data.patch, data.patch)]
    base = min(1.0, folder.side / shorter) if folder.side else 1.0
    factors = [max(base * scale, data.patch / shorter) for scale in folder.scales]
    return [
        resize(pixels, max(data.patch, round(height * f)), max(data.patch, round(width * f)))
        for f in factors
    ]


class Patches(keras.utils.PyDataset):
    """Batches (clean, clean) of patches [batch, patch, patch, 3], float32 in [0, 1].

    The patches of a step depend on seed, length of an epoch, and number in the run alone, so a
    resumed run sees what an uninterrupted one would have seen. Threads make the next batches while
    the network works.
    """

    def __init__(
        self, folders: list[Images], data: Data, *, batch: int, steps: int, seed: int
    ) -> None:
        """`steps` batches make an epoch, unless images are taken whole."""
        super().__init__()
        self.data, self.batch, self.seed = data, batch, seed
        self.done = 0  # steps of the run before the epoch under way
        self.images = [copy for folder in folders for copy in folder.copies]
        self.steps = -(-len(self.images) // batch) if data.whole else steps
        weights = np.array([folder.weight for folder in data.folders])
        self.chances = np.concatenate(
            [
                weight * _areas(images) / _areas(images).sum()
                for weight, images in zip(weights / weights.sum(), folders, strict=True)
            ]
        ).cumsum()
        self._pool = ThreadPoolExecutor(2)
        self._ahead: dict[int, Future[Batch]] = {}

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[Batch, Batch]:
        wanted = self.done + index
        for step in range(wanted, min(wanted + AHEAD, self.done + self.steps)):
            if step not in self._ahead:
                self._ahead[step] = self._pool.submit(self.draw, step)
        clean = self._ahead.pop(wanted).result()
        return clean, clean

    def on_epoch_end(self) -> None:
        """Keras calls this between epochs."""
        self._ahead.clear()
        self.done += self.steps

    def draw(self, step: int) -> Batch:
        """The patches of one step, counted from the start of the run."""
        epoch, index = divmod(step, self.steps)
        random = np.random.default_rng((self.seed, epoch, index))
        if self.data.whole:
            order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images))
            chosen = order[index * self.batch : (index + 1) * self.batch]
        else:
            chosen = np.searchsorted(self.chances[:-1], random.random(self.batch), side="right")
        size = self.data.patch
        patches = np.empty((len(chosen), size, size, 3), np.float32)
        for patch, which in zip(patches, chosen, strict=True):
            patch[:] = to_unit(self._cut(self.images[which], random))
        return patches

    def _cut(self, image: Pixels, random: np.random.Generator) -> Pixels:
        size = self.data.patch
        top = random.integers(image.shape[0] - size + 1)
        left = random.integers(image.shape[1] - size + 1)
        patch = image[top : top + size, left : left + size]
        if self.data.turn:
            patch = np.rot90(patch, int(random.integers(4)))
            patch = patch[:, ::-1] if random.integers(2) else patch
        return to_grey(patch) if random.random() < self.data.grey_share else patch


def _areas(images: Images) -> NDArray[np.float64]:
    return np.array([copy.shape[0] * copy.shape[1] for copy in images.copies], np.float64)
