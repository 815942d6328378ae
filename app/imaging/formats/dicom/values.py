"""The values of DICOM elements, which are looked at where they are as short as those should be.

pydicom makes each number of a list in text an object, which takes 2 us and 400 bytes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from app.imaging.picture import UnreadableImage

Vector = NDArray[np.float64]

LONGEST = 128
"""Bytes of a value: identifiers, the longest that are looked at, have 64 (PS3.5, table 6.2-1)."""


def value(dataset: Dataset, name: str, default: Any = None, *, count: int = 1) -> Any:
    """Return the value of an element, or the default where there is none.

    Raises UnreadableImage for one that is far longer than so many values.
    """
    raw = _raw(dataset, name)
    if raw is not None and len(raw.value or b"") > count * LONGEST:
        raise UnreadableImage(f"The DICOM has far too long a value of {name}.")
    return dataset.get(name, default)


def needed(dataset: Dataset, name: str) -> Any:
    """Return the value of an element that has to be there; raises UnreadableImage."""
    if name not in dataset:
        raise UnreadableImage(f"The DICOM image is truncated or damaged: it lacks {name}.")
    return value(dataset, name)


def vector(dataset: Dataset | None, name: str, length: int = 3) -> Vector | None:
    """Return the numbers of an element; None if there are not as many."""
    found = None if dataset is None else value(dataset, name, count=length)
    if isinstance(found, str) or not isinstance(found, Sequence) or len(found) != length:
        return None
    return np.array([float(each) for each in found])


def items(dataset: Dataset, name: str) -> Sequence[Dataset]:
    """Return the items of a sequence, none where there is no such; raises UnreadableImage."""
    raw = _raw(dataset, name)
    if raw is not None and raw.VR not in (None, "SQ", "UN"):
        raise UnreadableImage(f"The DICOM has a {name} that is none.")
    return dataset.get(name) or ()


def first_item(dataset: Dataset, *names: str) -> Dataset | None:
    """Return the first item of a sequence, of one within that, and so on."""
    for name in names:
        sequence = items(dataset, name)
        if not sequence:
            return None
        dataset = sequence[0]
    return dataset


def _raw(dataset: Dataset, name: str) -> RawDataElement | None:
    """Return an element that nobody has looked at so far."""
    found = dataset.get_item(name) if name in dataset else None
    return found if isinstance(found, RawDataElement) else None
