"""Split images reproducibly into a training and a held-out part."""

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.imaging.scale import Pixels, from_unit, to_unit

Split = Literal["groups", "files"]
"""Keep near-duplicates on one side, or split file by file."""

SEED = 42
THUMB = 16
ALIKE = 0.97


def split(
    files: Sequence[Path],
    thumbnails: Sequence[NDArray[np.float32]],
    how: Split,
    test_share: float,
) -> tuple[list[int], list[int]]:
    """Return the indices of the training and the held-out part of files with these thumbnails."""
    if test_share == 0:
        return list(range(len(files))), []
    if how == "files":
        return split_files(files, test_share)
    return split_groups(group(thumbnails), test_share)


def split_files(files: Sequence[Path], test_share: float) -> tuple[list[int], list[int]]:
    """Return the indices of the training and the held-out part, split file by file, shuffled.

    The result is that of scikit-learn's `train_test_split` with `random_state=42`, which the
    article used, on the files as Windows lists them: in alphabetical order, ignoring case. It
    separates near-duplicates, so that a network is tested on images much like those it has seen.
    """
    listed = sorted(range(len(files)), key=lambda i: [part.upper() for part in files[i].parts])
    # The legacy generator, which scikit-learn uses.
    order = [listed[i] for i in np.random.RandomState(SEED).permutation(len(files))]
    held_out = math.ceil(test_share * len(files))
    return order[held_out:], order[:held_out]


def split_groups(labels: Sequence[int], test_share: float) -> tuple[list[int], list[int]]:
    """Return the indices of the training and the held-out part, in order, without splitting groups.

    `labels` holds the group of each image. Groups are held out in random order as long as they fit
    into `test_share` of the images.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        members[label].append(index)
    order = np.random.default_rng(SEED).permutation(sorted(members)).tolist()
    room = round(test_share * len(labels))
    held_out: set[int] = set()
    for label in order:
        if len(held_out) + len(members[label]) <= room:
            held_out.update(members[label])
    return [i for i in range(len(labels)) if i not in held_out], sorted(held_out)


def thumbnail(pixels: Pixels) -> NDArray[np.float32]:
    """Reduce RGB pixels [height, width, 3] to a grey 16x16 vector of zero mean and unit length.

    The vector is zero for a flat image, which then resembles no other.
    """
    if pixels.dtype != np.uint8:
        pixels = from_unit(to_unit(pixels), np.dtype(np.uint8))
    grey = Image.fromarray(pixels).convert("L").resize((THUMB, THUMB), Image.Resampling.BOX)
    vector = np.asarray(grey, np.float32).ravel()
    vector = vector - vector.mean()
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-6 else np.zeros_like(vector)


def group(thumbnails: Sequence[NDArray[np.float32]]) -> list[int]:
    """Return the group of each thumbnail; images that correlate by more than 0.97 share a group.

    Groups are the connected components, numbered in the order of their first member.
    """
    stacked = np.stack(thumbnails)
    close = stacked @ stacked.T > ALIKE
    labels = [-1] * len(thumbnails)
    current = 0
    for start in range(len(labels)):
        if labels[start] >= 0:
            continue
        pending = [start]
        while pending:
            index = pending.pop()
            if labels[index] < 0:
                labels[index] = current
                pending.extend(np.flatnonzero(close[index]).tolist())
        current += 1
    return labels
