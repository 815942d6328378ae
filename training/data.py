"""The images of a folder, decoded and scaled, split into a training and a held-out part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels, to_unit
from training.errors import TrainingError
from training.experiment import Data, Folder
from training.graphics import FOR_TRAINING, draw
from training.images import Skipped, image_files, read_each, read_frames, resize
from training.pairs import Pair, pairs, read_pair
from training.split import split, thumbnail

Prepared = tuple[NDArray[np.float32], list[Pixels]]
"""The thumbnail of an image, and the scaled copies from which patches are cut."""


@dataclass(frozen=True)
class Images:
    """The images of a folder, in memory: a copy per scale, none smaller than a patch."""

    training: list[list[Pixels]]
    held_out: list[list[Pixels]]
    skipped: list[Skipped]

    @property
    def copies(self) -> list[Pixels]:
        """All copies from which patches are cut."""
        return [copy for image in self.training for copy in image]


def load(folder: Folder, root: Path, data: Data) -> Images:
    """Read the folder below `root`, or draw its graphics.

    Raises TrainingError if there is nothing to train on.
    """

    def prepare(frames: list[Pixels]) -> Prepared:
        # of all frames at once, as in evaluation, which splits by it, too
        small = thumbnail(np.concatenate(frames))
        middle = len(frames) // 2
        # validation takes the first copy, and outer slices are often empty
        inner_first = frames[middle:] + frames[:middle]
        return small, [copy for frame in inner_first for copy in copies(frame, folder, data)]

    skipped = list[Skipped]()
    if folder.drawn:
        drawn = enumerate(draw(folder.drawn, FOR_TRAINING))
        readable = {Path(f"drawn-{index}"): prepare([pixels]) for index, pixels in drawn}
    elif folder.noisy and folder.clean:
        found = pairs(root / folder.path, folder.noisy, folder.clean)
        partners = {pair.noisy: pair for pair in found}
        readable, skipped = read_each(partners, lambda path: _both(partners[path], data))
    else:
        files = image_files(root / folder.path, folder.only)
        readable, skipped = read_each(files, lambda path: prepare(read_frames(path)))
    count = len(readable) + len(skipped)
    skipped += [
        Skipped(path, f"too small for patches of {data.patch} pixels")
        for path, (_, sizes) in readable.items()
        if not sizes
    ]
    # Small images take part in the split, so that evaluation, which has no patches, splits alike.
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
        raise TrainingError(f"{place}: none of {count} images will do{first}")
    return loaded


def _both(pair: Pair, data: Data) -> Prepared:
    """Return a pair at its own size, with six channels; raise as `read_pair` does."""
    noisy, clean = map(to_unit, read_pair(pair))
    large = min(clean.shape[:2]) >= data.patch
    return thumbnail(clean), [np.concatenate([clean, noisy], axis=-1)] if large else []


def copies(pixels: Pixels, folder: Folder, data: Data) -> list[Pixels]:
    """Return the scaled copies of an image; none if it is far smaller than a patch."""
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
