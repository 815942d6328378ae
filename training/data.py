"""Clean patches from folders of images."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from app.imaging.codec import ImagingError
from app.imaging.scale import Pixels, from_unit, to_unit
from training.errors import TrainingError
from training.experiment import Data, Folder
from training.graphics import FOR_TRAINING, draw
from training.images import Skipped, image_files, read_each, resize, to_grey
from training.noise.settings import Noise
from training.pairs import Pair, pairs, read_pair
from training.split import split, thumbnail
from training.stripped import stripped

Batch = NDArray[np.float32]
Prepared = tuple[NDArray[np.float32], list[Pixels]]
"""The thumbnail of an image, and the copies of it that patches are drawn from."""

AHEAD = 8
"""Batches prepared in advance."""
THREADS = 2
"""Threads that prepare them."""

PAIR = 6
"""Channels of a pair: the clean shot's three, then the noisy one's."""


@dataclass(frozen=True)
class Images:
    """The images of a folder: pixels in memory, one copy per scale, none smaller than a patch."""

    training: list[list[Pixels]]
    held_out: list[list[Pixels]]
    skipped: list[Skipped]

    @property
    def copies(self) -> list[Pixels]:
        """All copies that patches are drawn from."""
        return [copy for image in self.training for copy in image]


def load(folder: Folder, root: Path, data: Data) -> Images:
    """Read the folder below `root`, or draw its graphics.

    Raises TrainingError if there is nothing to train on.
    """

    def prepare(pixels: Pixels) -> Prepared:
        return thumbnail(pixels), copies(pixels, folder, data)

    results: dict[Path, Prepared | Skipped]
    if folder.drawn:
        drawn = draw(folder.drawn, FOR_TRAINING)
        results = {Path(f"drawn-{index}"): prepare(pixels) for index, pixels in enumerate(drawn)}
    elif folder.noisy and folder.clean:
        results = dict(_read_pairs(pairs(root / folder.path, folder.noisy, folder.clean), data))
    else:
        results = dict(read_each(image_files(root / folder.path, folder.only), prepare))
    skipped = [result for result in results.values() if isinstance(result, Skipped)]
    readable = {p: r for p, r in results.items() if not isinstance(r, Skipped)}
    skipped += [
        Skipped(path, f"too small for patches of {data.patch} pixels")
        for path, (_, sizes) in readable.items()
        if not sizes
    ]
    # Small images take part in the split, so that evaluation, without patches, splits alike.
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


def _read_pairs(found: list[Pair], data: Data) -> Iterator[tuple[Path, Prepared | Skipped]]:
    """Pairs at their own size, six channels each; what cannot be read is skipped."""
    for pair in found:
        try:
            noisy, clean = map(to_unit, read_pair(pair))
        except (ImagingError, OSError) as error:
            yield pair.noisy, Skipped(pair.noisy, str(error))
            continue
        large = min(clean.shape[:2]) >= data.patch
        both = np.concatenate([clean, noisy], axis=-1)
        yield pair.noisy, (thumbnail(clean), [both] if large else [])


def copies(pixels: Pixels, folder: Folder, data: Data) -> list[Pixels]:
    """Return the sizes in which an image is trained on; none if it is far smaller than a patch."""
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
    """Batches of patches [batch, patch, patch, 3 or 6], float32 in [0, 1], each twice.

    With folders of pairs, patches have six channels: the clean shot's, then the noisy one's; of
    other images, the clean ones twice. The patches of a step depend on seed, length of an epoch,
    and number in the run alone, so a resumed run sees what an uninterrupted one would have seen.
    Threads make the next batches while the network works.
    """

    def __init__(
        self, folders: list[Images], data: Data, noise: Noise, *, batch: int, steps: int, seed: int
    ) -> None:
        """Take `steps`, the batches of an epoch, unless images are taken whole."""
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
        """Keras calls this between epochs."""
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
        """Return the image of each draw from U(0, 1), family by family of the noise."""
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
    """For each copy, the chance that a patch of this family is of it or of one before it."""
    weights = np.array([folder.weight_for(family) for folder in folders])
    if not weights.sum():
        raise TrainingError(f"no folder gives patches for noise.{family}")
    shares = zip(weights / weights.sum(), images, strict=True)
    each = [share * _areas(folder) / _areas(folder).sum() for share, folder in shares]
    return np.concatenate(each).cumsum()


def _areas(images: Images) -> NDArray[np.float64]:
    return np.array([copy.shape[0] * copy.shape[1] for copy in images.copies], np.float64)
