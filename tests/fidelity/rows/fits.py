"""FITS."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import DEEP
from tests.fidelity.row import METADATA, UNSUITABLE, UNSUPPORTED, Kept, Row


def rows() -> Iterator[Row]:
    grey = DEEP[..., 0]
    wide = grey.astype("u4") * 65_537
    for title, numbers in {
        "8-bit": grey.astype("u1"),
        "8-bit signed": grey.astype("u1").view("i1"),
        "16-bit": grey,
        "16-bit signed": grey.view("i2"),
        "32-bit": wide,
        "32-bit signed": wide.view("i4"),
        "32-bit floating-point": (grey.astype("f4") - 30_000) * 3,
        "64-bit floating-point": grey.astype("f8") * 1e9,
    }.items():
        one = numbers[None]
        yield f"{title} grey", partial(files.fits, numbers), Kept(Format.FITS, one)
    colours = np.stack([DEEP[..., n] for n in range(3)])
    yield "16-bit, 3 planes", partial(files.fits, colours), Kept(Format.FITS, colours)
    four = partial(files.fits, grey)
    yield "16-bit grey", four, Kept(Format.TIFF, grey, (METADATA,)), "format=tiff"
    yield "16-bit grey", four, UNSUITABLE, "metadata=strip"
    yield "64-bit grey", partial(files.fits, grey.astype("i8")), UNSUPPORTED
    yield "four dimensions", partial(files.fits, np.zeros((2, 2, 4, 4), "u1")), UNSUPPORTED


def in_gzip() -> Iterator[Row]:
    grey = DEEP[..., 0]
    packed = partial(
        files.gzipped, partial(files.fits, grey, behind=files.fits(grey, before=b" ")[1:])
    )
    yield "16-bit grey, another image behind it", packed, Kept(Format.FITS_GZ, grey[None])
    deep = (grey.astype("f4") - 30_000) * 3
    floats = partial(files.gzipped, partial(files.fits, deep))
    yield "32-bit floating-point grey", floats, Kept(Format.FITS_GZ, deep[None])
    yield "32-bit floating-point grey", floats, Kept(Format.FITS, deep[None]), "format=fits"
    yield "32-bit floating-point grey", floats, Kept(Format.TIFF, deep, (METADATA,)), "format=tiff"
