"""Split images into a training and a held-out part, reproducibly."""

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
"""Near-duplicates on one side, or file by file."""

SEED = 42
THUMB = 16
ALIKE = 0.97


def split(
    files: Sequence[Path],
    thumbnails: Sequence[NDArray[np.float32]],
    how: Split,
    test_share: float,
) -> tuple[list[int], list[int]]:
    """Return indices of the training and the held-out part of files with these thumbnails."""
    if test_share == 0:
        return list(range(len(files))), []
    if how == "files":
        return split_files(files, test_share)
    return split_groups(group(thumbnails), test_share)


def split_files(files: Sequence[Path], test_share: float) -> tuple[list[int], list[int]]:
    """Return indices of the training and of the held-out part, file by file, each in random order.

    The result is that of scikit-learn's `train_test_split` with `random_state=42`, which the
    article used, on the files as Windows lists them: in alphabetical order, capitals and small
    letters alike. It parts near-duplicates, so that a network is tested on what it has seen.
    """
    listed = sorted(range(len(files)), key=lambda i: [part.upper() for part in files[i].parts])
    # The legacy generator, because that is what scikit-learn draws from.
    order = [listed[i] for i in np.random.RandomState(SEED).permutation(len(files))]
    held_out = math.ceil(test_share * len(files))
    return order[held_out:], order[:held_out]


def split_groups(labels: Sequence[int], test_share: float) -> tuple[list[int], list[int]]:
    """Return indices of the training and of the held-out part, in order; groups are not parted.

    `labels` holds the group of each image. Groups in random order go to the held-out part as long
    as they fit into `test_share` of the images.
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
    """RGB pixels [height, width, 3] as a grey 16x16 vector of zero mean and unit length.

    It is all zero for a flat image, which is like no other.
    """
    if pixels.dtype != np.uint8:
        pixels = from_unit(to_unit(pixels), np.dtype(np.uint8))
    grey = Image.fromarray(pixels).convert("L").resize((THUMB, THUMB), Image.Resampling.BOX)
    vector = np.asarray(grey, np.float32).ravel()
    vector = vector - vector.mean()
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-6 else np.zeros_like(vector)


def group(thumbnails: Sequence[NDArray[np.float32]]) -> list[int]:
    """Return a group number for each thumbnail: images whose correlation is over 0.97 share it.

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
