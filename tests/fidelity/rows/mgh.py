"""MGH, plain and in gzip."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import DEEP, Samples
from tests.fidelity.row import METADATA, UNSUITABLE, Kept, Row


def rows(target: Format) -> Iterator[Row]:
    def make(samples: Samples, **options: Any) -> Callable[[], bytes]:
        return partial(files.mgh, samples, packed=target is Format.MGZ, **options)

    volume = np.stack([DEEP[..., n] for n in range(4)])
    for title, numbers in {
        "8-bit": volume.astype("u1"),
        "16-bit signed": volume.view("i2"),
        "32-bit signed": (volume.astype("u4") * 65_537).view("i4"),
        "32-bit floating-point": (volume.astype("f4") - 30_000) * 3,
    }.items():
        yield f"{title}, 4 slices", make(numbers), Kept(target, numbers)
    numbers = volume.view("i2")
    yield "16-bit signed, 4 slices, an intent", make(numbers, intent=2), Kept(target, numbers)
    yield "16-bit signed, 2 volumes of 2 slices", make(numbers, volumes=2), Kept(target, numbers)
    as_tiff = Kept(Format.TIFF, numbers, (METADATA,))
    yield "16-bit signed, 4 slices", make(numbers), as_tiff, "format=tiff"
    yield "16-bit signed, 4 slices", make(numbers), UNSUITABLE, "metadata=strip"
