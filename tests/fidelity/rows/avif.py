"""AVIF."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from app.imaging.picture import Change, Format
from tests.fidelity import files
from tests.fidelity.files import SMOOTH, by_pillow, spread
from tests.fidelity.row import DEPTH, LOSSY, ORIENTATION, UNSUPPORTED, Item, Kept, Row, followed
from tests.fidelity.samples import GREY


def rows() -> Iterator[Row]:
    for bits in (8, 10, 12):
        for title, samples in (("grey", SMOOTH[..., 0]), ("RGB", SMOOTH)):
            scaled = samples if bits == 8 else samples.astype(np.uint16) << (bits - 8)
            samples = samples if bits == 8 else spread(scaled, bits)
            if bits > 8:  # of 16 bits 12 are written
                samples = np.rint(samples / 65_535 * 4095).astype(np.uint16)
            changes = () if bits == 8 else (DEPTH,)
            back = Kept(Format.AVIF, samples, changes, LOSSY * (1 if bits == 8 else 16))
            yield f"{bits}-bit {title}", partial(files.avif, scaled, bits), back
    veiled = np.dstack((SMOOTH, GREY))
    back = Kept(Format.AVIF, veiled, (), LOSSY)
    yield "8-bit RGB + alpha", partial(files.avif, veiled, 8), back
    exif = partial(by_pillow, SMOOTH, "AVIF", quality=95, exif=files.exif(6))
    items: frozenset[Item] = frozenset({"exif", "gps"})
    back = Kept(Format.AVIF, files.turned(SMOOTH, 6), (ORIENTATION,), LOSSY, items)
    yield "turned, with EXIF", exif, back
    filmed, back = partial(files.avif, SMOOTH), Kept(Format.AVIF, SMOOTH, (Change.FILM,), LOSSY)
    yield "8-bit RGB, a film behind it", lambda: followed(filmed, files.FILM), back
    yield "animated", partial(files.animated, "AVIF"), UNSUPPORTED
