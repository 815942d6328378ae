"""Clean patches from folders of images."""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.experiment import Data, Folder
from training.groups import group, split_groups, thumbnail

Pixels = NDArray[np.uint8]
SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def image_files(folder: Path) -> list[Path]:
    """The image files below `folder`, sorted by path; raises FileNotFoundError if there is none."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise FileNotFoundError(f"no image files below {folder}")
    return files


def read_rgb(path: Path) -> Image.Image:
    """An image file as RGB, transparency dropped; raises OSError if it cannot be read."""
    with Image.open(path) as image:
        return image.convert("RGB")


def split(
    folder: Path, test_share: float, seed: int = 42
) -> tuple[list[Path], list[Path]]:
    """The files below `folder` as training and test part, near-duplicates on one side."""
    files = image_files(folder)
    if test_share == 0:
        return files, []
    train, test = split_groups(group([thumbnail(read_rgb(f)) for f in files]), test_share, seed)
    return [files[i] for i in train], [files[i] for i in test]


def load(folder: Folder, root: Path, patch: int) -> list[Pixels]:
    """The training images of `folder` in memory, one copy a scale, none smaller than a patch."""
    train, _ = split(root / folder.path, folder.test_share)
    images = []
    for path in train:
        image = read_rgb(path)
        shorter = min(image.size)
        base = min(1.0, folder.side / shorter) if folder.side else 1.0
        for scale in folder.scales:
            factor = max(base * scale, patch / shorter)
            size = tuple(max(patch, round(side * factor)) for side in image.size)
            resized = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
            images.append(np.asarray(resized))
    return images


class Patches(keras.utils.PyDataset):
    """Batches (clean, clean) of random patches [batch, patch, patch, 3], float32 in [0, 1].

    The patches of a step depend on seed, epoch and step alone, so a resumed run sees what an
    uninterrupted one would have seen.
    """

    def __init__(
        self, data: Data, root: Path, *, batch: int, steps: int, seed: int, epoch: int = 0
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self.data, self.batch, self.steps, self.seed, self.epoch = data, batch, steps, seed, epoch
        self.folders = [load(folder, root, data.patch) for folder in data.folders]
        weights = np.array([folder.weight for folder in data.folders])
        self.share = weights / weights.sum()
        self.areas = [
            areas / areas.sum()
            for areas in (np.array([float(i.shape[0] * i.shape[1]) for i in f]) for f in self.folders)
        ]

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        random = np.random.default_rng((self.seed, self.epoch, index))
        patches = np.stack([self._patch(random) for _ in range(self.batch)])
        clean = patches.astype(np.float32) / 255.0
        return clean, clean

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def _patch(self, random: np.random.Generator) -> Pixels:
        size = self.data.patch
        which = random.choice(len(self.folders), p=self.share)
        image = self.folders[which][random.choice(len(self.areas[which]), p=self.areas[which])]
        top = random.integers(image.shape[0] - size + 1)
        left = random.integers(image.shape[1] - size + 1)
        patch = np.rot90(image[top : top + size, left : left + size], random.integers(4))
        if random.random() < 0.5:
            patch = patch[:, ::-1]
        if random.random() < self.data.grey_share:
            luma = np.rint(patch @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
            patch = np.repeat(luma[..., None], 3, axis=-1)
        return patch


