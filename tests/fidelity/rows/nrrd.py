"""NRRD with its samples in the same file."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from app.imaging.picture import Format
from tests.fidelity.files import DEEP, NOISE, VOLUMES, nrrd
from tests.fidelity.row import METADATA, UNSUITABLE, UNSUPPORTED, Kept, Row


def rows() -> Iterator[Row]:
    for title, numbers in VOLUMES.items():
        yield f"{title}, 4 slices", partial(nrrd, numbers), Kept(Format.NRRD, numbers)
    numbers = VOLUMES["16-bit signed"]
    kept, plain = Kept(Format.NRRD, numbers), partial(nrrd, numbers)
    yield "16-bit signed, in gzip", partial(nrrd, numbers, packed=True), kept
    yield "16-bit signed, big-endian", partial(nrrd, numbers, order="big"), kept
    several = partial(nrrd, numbers.reshape(2, 2, *numbers.shape[1:]))
    yield "16-bit signed, 2 volumes of 2 slices", several, kept
    yield "16-bit signed, one slice", partial(nrrd, numbers[0]), Kept(Format.NRRD, numbers[:1])
    rgb = np.stack([NOISE[..., :3], 255 - NOISE[..., :3]])
    coloured = partial(nrrd, rgb, "kinds: RGB-color space space space")
    yield "8-bit RGB, 2 slices", coloured, Kept(Format.NRRD, rgb)
    vectors = np.stack([DEEP[..., :3], DEEP[..., 1:]]).astype("f4")
    apart = Kept(Format.NRRD, np.moveaxis(vectors, -1, 0).reshape(-1, *vectors.shape[1:3]))
    for title, kind in (("vectors of 3", "vector"), ("3 volumes side by side", "list")):
        beside = partial(nrrd, vectors, f"kinds: {kind} space space space")
        yield f"32-bit floating-point, {title}, 2 slices", beside, apart
    with_alpha = partial(nrrd, np.stack([NOISE] * 2), "kinds: RGBA-color space space space")
    yield "8-bit RGB + alpha", with_alpha, UNSUPPORTED
    yield "in bzip2", partial(nrrd, numbers, encoding="bzip2"), UNSUPPORTED
    yield "samples in another file (NHDR)", partial(nrrd, numbers, "data file: 1"), UNSUPPORTED
    as_tiff = Kept(Format.TIFF, numbers, (METADATA,))
    yield "16-bit signed, 4 slices", plain, as_tiff, "format=tiff"
    yield "16-bit signed, 4 slices", plain, UNSUITABLE, "metadata=strip"
