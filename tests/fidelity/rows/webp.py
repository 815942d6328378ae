"""WebP."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import NOISE, SMOOTH, by_pillow
from tests.fidelity.row import END, LOSSY, UNREADABLE, UNSUPPORTED, Kept, Row, but_for, followed
from tests.fidelity.samples import GREY, MODES, channels


def rows() -> Iterator[Row]:
    exact: dict[str, Any] = {"lossless": True, "exact": True}
    for names in ("RGB", "RGBA"):
        samples = channels(NOISE, names)
        make = partial(by_pillow, samples, "WEBP", **exact)
        yield f"lossless, {MODES[names]}", make, Kept(Format.WEBP, samples)
    yield (
        "lossy, RGB",
        partial(by_pillow, SMOOTH, "WEBP", quality=95),
        Kept(Format.WEBP, SMOOTH, (), LOSSY),
    )
    veiled = np.dstack((SMOOTH, GREY))
    back = Kept(Format.WEBP, veiled, (), LOSSY)
    yield "lossy, RGB + alpha", partial(by_pillow, veiled, "WEBP", quality=95), back
    make = partial(by_pillow, NOISE, "WEBP", **exact)
    yield (
        "lossless, RGB, damaged behind its pixels",
        partial(followed, make, b"damaged it is"),
        Kept(Format.WEBP, NOISE, (END,)),
    )
    yield "lossless, RGB, without its last pixels", partial(but_for, make, 9), UNREADABLE
    yield "animated", partial(files.animated, "WEBP"), UNSUPPORTED
