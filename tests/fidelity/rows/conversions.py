"""Answers in another format than the upload's."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

import numpy as np

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import DEEP, SMOOTH, Samples, by_pillow, by_tifffile
from tests.fidelity.row import ALPHA, COLOURS, DEPTH, LOSSY, UNSUITABLE, Kept, Make, Row
from tests.fidelity.samples import GREY

NUMBERS: Samples = DEEP[..., 0]
SMOOTH_16: Samples = SMOOTH.astype(np.uint16) * 257
_png = partial(files.png, interlaced=False)
EIGHT: Make = partial(by_pillow, SMOOTH, "PNG")
SIXTEEN: Make = partial(_png, SMOOTH_16, 16, 2)
VEILED: Make = partial(_png, DEEP, 16, 6)


def rows() -> Iterator[Row]:
    return chain(_removed(), _formats(), _lesser_formats())


def _removed() -> Iterator[Row]:
    """What was removed: nothing, at a strength of 0."""
    nothing = np.zeros(GREY.shape, "f4")
    grey, scan = partial(by_pillow, GREY, "PNG"), partial(files.nifti, NUMBERS.view("i2")[None])
    for query in ("result=residual", "result=sigma-map"):
        yield "8-bit grey PNG", grey, Kept(Format.TIFF, nothing, (DEPTH,)), query
    back = Kept(Format.NIFTI, nothing[None], (DEPTH,))
    yield "16-bit signed NIfTI", scan, back, "result=residual"


def _formats() -> Iterator[Row]:
    """Formats that hold as much as the upload, or more."""
    title = "16-bit RGB + alpha PNG"
    yield title, VEILED, Kept(Format.TIFF, DEEP), "format=tiff"
    yield title, VEILED, Kept(Format.JXL, DEEP), "format=jxl"
    twelve = Kept(Format.AVIF, SMOOTH.astype(np.uint16) * 273 // 17, (DEPTH,), 16 * LOSSY)
    yield "16-bit RGB PNG", SIXTEEN, twelve, "format=avif"
    avif, jxl = (Kept(each, SMOOTH, (), 2 * LOSSY) for each in (Format.AVIF, Format.JXL))
    yield "8-bit RGB PNG", EIGHT, avif, "format=avif"
    yield "8-bit RGB PNG", EIGHT, jxl, "format=jxl&quality=90"
    back = Kept(Format.PNG, SMOOTH, (), LOSSY)
    yield "8-bit RGB AVIF", partial(files.avif, SMOOTH, 8), back, "format=png"
    yield "8-bit RGB JPEG XL", partial(files.jxl, SMOOTH), Kept(Format.PNG, SMOOTH), "format=png"


def _lesser_formats() -> Iterator[Row]:
    """Formats that lack the depth, the transparency or the colours of the upload."""
    for target in (Format.WEBP, Format.JPEG):
        back = Kept(target, SMOOTH, (DEPTH,), LOSSY)
        yield "16-bit RGB PNG", SIXTEEN, back, f"format={target}"
    yield "16-bit RGB + alpha PNG", VEILED, UNSUITABLE, "format=jpeg"
    opaque = np.dstack((SMOOTH_16, np.full_like(DEEP[..., 0], 65_535)))
    back = Kept(Format.JPEG, SMOOTH, (ALPHA, DEPTH), LOSSY)
    yield "16-bit RGB + alpha PNG, opaque", partial(_png, opaque, 16, 6), back, "format=jpeg"
    back = Kept(Format.WEBP, np.dstack((GREY, GREY, GREY)), (COLOURS,), LOSSY)
    yield "8-bit grey PNG", partial(by_pillow, GREY, "PNG"), back, "format=webp"
    floats = partial(by_tifffile, (DEEP[..., :3] / 65_535).astype("f4"), photometric="rgb")
    back = Kept(Format.PNG, DEEP[..., :3], (DEPTH,))
    yield "32-bit floating-point RGB TIFF", floats, back, "format=png"
