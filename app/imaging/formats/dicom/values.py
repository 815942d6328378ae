"""Access to the values of DICOM elements, with limits on their length.

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
"""Maximum bytes of a value: identifiers, the longest that are read, have 64 (PS3.5, table 6.2-1).
"""


def value(dataset: Dataset, name: str, default: Any = None, *, count: int = 1) -> Any:
    """Return the value of an element, or the default if there is none.

    Raises UnreadableImage if it is far longer than the expected number of values.
    """
    raw = _raw(dataset, name)
    if raw is not None and len(raw.value or b"") > count * LONGEST:
        raise UnreadableImage(f"The DICOM has far too long a value of {name}.")
    return dataset.get(name, default)


def needed(dataset: Dataset, name: str) -> Any:
    """Return the value of a required element; raises UnreadableImage."""
    if name not in dataset:
        raise UnreadableImage(f"The DICOM image is truncated or damaged: it lacks {name}.")
    return value(dataset, name)


def vector(dataset: Dataset | None, name: str, length: int = 3) -> Vector | None:
    """Return the numbers of an element; None if there is another number of them."""
    found = None if dataset is None else value(dataset, name, count=length)
    if isinstance(found, str) or not isinstance(found, Sequence) or len(found) != length:
        return None
    return np.array([float(each) for each in found])


def items(dataset: Dataset, name: str) -> Sequence[Dataset]:
    """Return the items of a sequence, none if it is absent; raises UnreadableImage."""
    raw = _raw(dataset, name)
    if raw is not None and raw.VR not in (None, "SQ", "UN"):
        raise UnreadableImage(f"The DICOM has a {name} that is none.")
    return dataset.get(name) or ()


def first_item(dataset: Dataset, *names: str) -> Dataset | None:
    """Return the first item of a sequence, or of sequences nested in it."""
    for name in names:
        sequence = items(dataset, name)
        if not sequence:
            return None
        dataset = sequence[0]
    return dataset


def _raw(dataset: Dataset, name: str) -> RawDataElement | None:
    """Return an element that has not been accessed yet; None if it has been, or is absent."""
    found = dataset.get_item(name) if name in dataset else None
    return found if isinstance(found, RawDataElement) else None
