"""JPEG XL."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import DEEP, NOISE, SMOOTH, spread
from tests.fidelity.row import DEPTH, LOSSY, UNSUPPORTED, Kept, Row
from tests.fidelity.samples import MODES, channels


def rows() -> Iterator[Row]:
    for source in (NOISE, DEEP):
        for names, title in MODES.items():
            samples = channels(source, names)
            title = f"{8 * samples.itemsize}-bit {title}, without loss"
            yield title, partial(files.jxl, samples), Kept(Format.JXL, samples)
    for bits in (10, 12):
        samples = SMOOTH.astype(np.uint16) << (bits - 8)
        make = partial(files.jxl, samples, bitspersample=bits)
        yield (
            f"{bits}-bit RGB, without loss",
            make,
            Kept(Format.JXL, spread(samples, bits), (DEPTH,)),
        )
    unit = (DEEP / 65_535).astype(np.float32)
    make = partial(files.jxl, unit)
    yield "32-bit floating-point RGB + alpha", make, Kept(Format.JXL, unit)
    make = partial(files.jxl, SMOOTH, lossless=False)
    yield "8-bit RGB, with loss", make, Kept(Format.JXL, SMOOTH, (), 2 * LOSSY)
    yield "animated", partial(files.jxl, np.stack([SMOOTH] * 2)), UNSUPPORTED
