"""Near-duplicates kept together, so that no test image has a twin in the training part."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

THUMB = 16
ALIKE = 0.97


def thumbnail(image: Image.Image) -> NDArray[np.float32]:
    """A grey 16x16 thumbnail as a vector of zero mean and unit length (all zero if it is flat)."""
    grey = image.convert("L").resize((THUMB, THUMB), Image.Resampling.BOX)
    vector = np.asarray(grey, np.float32).ravel()
    vector = vector - vector.mean()
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-6 else vector


def group(thumbnails: Sequence[NDArray[np.float32]], alike: float = ALIKE) -> list[int]:
    """A group number for each thumbnail: images whose correlation is over `alike` share it.

    Groups are the connected components, numbered in the order of their first member.
    """
    stacked = np.stack(thumbnails)
    close = stacked @ stacked.T > alike
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


def split_groups(
    labels: Sequence[int], test_share: float, seed: int
) -> tuple[list[int], list[int]]:
    """Indices of the training and of the test part; whole groups, shuffled by `seed`.

    Groups go to the test part until it holds `test_share` of the images.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        members[label].append(index)
    order = np.random.default_rng(seed).permutation(sorted(members))
    wanted = round(test_share * len(labels))
    test: list[int] = []
    for label in order:
        if len(test) + len(members[int(label)]) <= wanted:
            test.extend(members[int(label)])
    chosen = set(test)
    return [i for i in range(len(labels)) if i not in chosen], sorted(test)
