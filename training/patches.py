"""Batches of patches, cut at random from the images that are trained on."""

from concurrent.futures import Future, ThreadPoolExecutor

import keras
import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels, from_unit, to_unit
from training.data import Images
from training.errors import TrainingError
from training.experiment import Data, Folder
from training.images import to_grey
from training.noise.settings import Noise
from training.stripped import stripped

Batch = NDArray[np.float32]

AHEAD = 8
"""Batches prepared in advance."""
THREADS = 2
"""Threads that prepare them."""

PAIR = 6
"""Channels of a pair: the three of the clean shot, then those of the noisy one."""


class Patches(keras.utils.PyDataset):
    """Batches of patches [batch, patch, patch, 3 or 6], float32 in [0, 1], each twice.

    If there are folders of pairs, patches have six channels: those of the clean shot, then those of
    the noisy one, or the clean ones twice for other images. The patches of a step depend only on
    the seed, the length of an epoch, and the number of the step in the run, so that a resumed run
    sees what an uninterrupted one would have seen. Threads prepare batches in advance.
    """

    def __init__(
        self, folders: list[Images], data: Data, noise: Noise, *, batch: int, steps: int, seed: int
    ) -> None:
        """Take `steps`, the batches per epoch, which are ignored if images are taken whole."""
        super().__init__()
        self.data, self.batch, self.seed = data, batch, seed
        self.done = 0  # steps of the run before the current epoch
        self.images = [copy for folder in folders for copy in folder.copies]
        self.channels = max(copy.shape[-1] for copy in self.images)
        self.steps = -(-len(self.images) // batch) if data.whole else steps
        self.families = {
            family: (count, _chances(folders, data.folders, family))
            for family, count in noise.counts(batch).items()
        }
        self._pool = ThreadPoolExecutor(THREADS)
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
        """Move on to the next epoch; Keras calls this between epochs."""
        self._ahead.clear()
        self.done += self.steps

    def draw(self, step: int) -> Batch:
        """Return the patches of one step, counted from the start of the run."""
        epoch, index = divmod(step, self.steps)
        random = np.random.default_rng((self.seed, epoch, index))
        if self.data.whole:
            order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images))
            chosen = order[index * self.batch : (index + 1) * self.batch]
        else:
            chosen = self._choose(random.random(self.batch))
        size = self.data.patch
        patches = np.empty((len(chosen), size, size, self.channels), np.float32)
        for patch, which in zip(patches, chosen, strict=True):
            cut = self._cut(self.images[which], random)
            patch[:] = to_unit(np.tile(cut, self.channels // cut.shape[-1]))
        return patches

    def _choose(self, draws: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the image for each draw from U(0, 1), one family of noise after another."""
        chosen, first = [], 0
        for count, chances in self.families.values():
            some = draws[first : first + count]
            chosen.append(np.searchsorted(chances[:-1], some, side="right"))
            first += count
        return np.concatenate(chosen)

    def _cut(self, image: Pixels, random: np.random.Generator) -> Pixels:
        size = self.data.patch
        top = random.integers(image.shape[0] - size + 1)
        left = random.integers(image.shape[1] - size + 1)
        patch = image[top : top + size, left : left + size]
        if self.data.turn:
            patch = np.rot90(patch, int(random.integers(4)))
            patch = patch[:, ::-1] if random.integers(2) else patch
        if random.random() < self.data.grey_share:
            shots = np.split(patch, patch.shape[-1] // 3, axis=-1)
            patch = np.concatenate([to_grey(shot) for shot in shots], axis=-1)
        if self.data.dim_share and random.random() < self.data.dim_share:
            patch = from_unit(to_unit(patch) * random.uniform(0.1, 1.0), patch.dtype)
        if self.data.stripped_share and random.random() < self.data.stripped_share:
            patch = stripped(patch, random)
        return patch


def _chances(images: list[Images], folders: tuple[Folder, ...], family: str) -> NDArray[np.float64]:
    """Return for each copy the cumulative probability that a patch of this family is cut from
    it.
    """
    weights = np.array([folder.weight_for(family) for folder in folders])
    if not weights.sum():
        raise TrainingError(f"no folder gives patches for noise.{family}")
    shares = zip(weights / weights.sum(), images, strict=True)
    each = [share * _areas(folder) / _areas(folder).sum() for share, folder in shares]
    return np.concatenate(each).cumsum()


def _areas(images: Images) -> NDArray[np.float64]:
    return np.array([copy.shape[0] * copy.shape[1] for copy in images.copies], np.float64)
