"""MetaImage with its samples in the same file."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from app.imaging.picture import Format
from tests.fidelity.files import DEEP, NOISE, VOLUMES, mha
from tests.fidelity.row import METADATA, UNSUITABLE, UNSUPPORTED, Kept, Row


def rows() -> Iterator[Row]:
    for title, numbers in VOLUMES.items():
        yield f"{title}, 4 slices", partial(mha, numbers), Kept(Format.MHA, numbers)
    numbers = VOLUMES["16-bit signed"]
    kept, plain = Kept(Format.MHA, numbers), partial(mha, numbers)
    yield "16-bit signed, compressed", partial(mha, numbers, packed=True), kept
    yield "16-bit signed, big-endian", partial(mha, numbers, order=">"), kept
    several = partial(mha, numbers.reshape(2, 2, *numbers.shape[1:]))
    yield "16-bit signed, 2 volumes of 2 slices", several, kept
    yield "16-bit signed, one slice", partial(mha, numbers[0]), Kept(Format.MHA, numbers[:1])
    for title, voxels in {
        "8-bit RGB": np.stack([NOISE[..., :3], 255 - NOISE[..., :3]]),
        "16-bit RGB": np.stack([DEEP[..., :3], DEEP[..., 1:]]),
    }.items():
        yield f"{title}, 2 slices", partial(mha, voxels, channels=3), Kept(Format.MHA, voxels)
    vectors = np.stack([DEEP[..., :3], DEEP[..., 1:]]).astype("f4")
    apart = np.moveaxis(vectors, -1, 0).reshape(-1, *vectors.shape[1:3])
    channels = partial(mha, vectors, channels=3)
    yield "32-bit floating-point, 2 slices of 3 channels", channels, Kept(Format.MHA, apart)
    yield "samples in another file (MHD)", partial(mha, numbers, "ElementDataFile = 1"), UNSUPPORTED
    as_tiff = Kept(Format.TIFF, numbers, (METADATA,))
    yield "16-bit signed, 4 slices", plain, as_tiff, "format=tiff"
    yield "16-bit signed, 4 slices", plain, UNSUITABLE, "metadata=strip"
