"""MGH, plain and in gzip."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import VOLUMES, Samples
from tests.fidelity.row import METADATA, UNSUITABLE, Kept, Row


def rows(target: Format) -> Iterator[Row]:
    def make(samples: Samples, **options: Any) -> Callable[[], bytes]:
        return partial(files.mgh, samples, packed=target is Format.MGZ, **options)

    for title in ("8-bit", "16-bit signed", "32-bit signed", "32-bit floating-point"):
        numbers = VOLUMES[title]
        yield f"{title}, 4 slices", make(numbers), Kept(target, numbers)
    numbers = VOLUMES["16-bit signed"]
    yield "16-bit signed, 4 slices, an intent", make(numbers, intent=2), Kept(target, numbers)
    yield "16-bit signed, 2 volumes of 2 slices", make(numbers, volumes=2), Kept(target, numbers)
    as_tiff = Kept(Format.TIFF, numbers, (METADATA,))
    yield "16-bit signed, 4 slices", make(numbers), as_tiff, "format=tiff"
    yield "16-bit signed, 4 slices", make(numbers), UNSUITABLE, "metadata=strip"
