"""NIfTI, plain and in gzip."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import NOISE, VOLUMES, Samples
from tests.fidelity.row import METADATA, UNSUITABLE, UNSUPPORTED, Kept, Row, followed

_IN_GZIP = ("8-bit", "16-bit signed", "16-bit", "32-bit floating-point")


def rows(target: Format) -> Iterator[Row]:
    def make(samples: Samples, **options: Any) -> Callable[[], bytes]:
        return partial(files.nifti, samples, packed=target is Format.NIFTI_GZ, **options)

    for title in _IN_GZIP:
        numbers = VOLUMES[title]
        yield f"{title}, 4 slices", make(numbers), Kept(target, numbers)
    volume = VOLUMES["16-bit"]
    if target is Format.NIFTI_GZ:
        more = partial(followed, make(volume), b"more")
        yield "16-bit, 4 slices, with more behind its end", more, Kept(target, volume, (METADATA,))
        return
    for title in (title for title in VOLUMES if title not in _IN_GZIP):
        numbers = VOLUMES[title]
        yield f"{title}, 4 slices", make(numbers), Kept(target, numbers)
    numbers = VOLUMES["16-bit signed"]
    yield "16-bit signed, 2 volumes of 2 slices", make(numbers, volumes=2), Kept(target, numbers)
    yield "16-bit signed, one slice", make(numbers[:1]), Kept(target, numbers[:1])
    yield "16-bit signed, NIfTI-2", make(numbers, version=2), Kept(target, numbers)
    yield "16-bit signed, big-endian", make(numbers, order=">"), Kept(target, numbers)
    rgb = np.stack([NOISE[..., :3], 255 - NOISE[..., :3]])
    yield "8-bit RGB, 2 slices", make(rgb), Kept(target, rgb)
    yield "complex numbers", make(volume.astype("c8")), UNSUPPORTED
    as_tiff = Kept(Format.TIFF, numbers, (METADATA,))
    yield "16-bit signed, 4 slices", make(numbers), as_tiff, "format=tiff"
    for query in ("format=png", "metadata=strip"):
        yield "16-bit signed, 4 slices", make(numbers), UNSUITABLE, query
