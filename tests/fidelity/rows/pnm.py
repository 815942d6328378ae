"""PNM and PAM."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import DEEP, NOISE, by_pillow, few_bits, spread
from tests.fidelity.row import DEPTH, END, METADATA, UNSUPPORTED, Kept, Row, but_for
from tests.fidelity.samples import MODES, channels


def rows() -> Iterator[Row]:
    grey, colour = channels(NOISE, "L"), channels(NOISE, "RGB")
    bits = (grey & 1) ^ 1
    make = partial(by_pillow, bits * 255, "PPM", "1")
    yield "P4, bits", make, Kept(Format.PNM, bits * 255, (DEPTH,))
    make = partial(files.plain_pnm, 1 - bits, 1, 1)
    yield "P1, bits in text", make, Kept(Format.PNM, bits * 255, (DEPTH,))
    yield "P5, 8-bit grey", partial(by_pillow, grey, "PPM"), Kept(Format.PNM, grey)
    yield "P6, 8-bit RGB", partial(by_pillow, colour, "PPM"), Kept(Format.PNM, colour)
    yield "P2, 8-bit grey in text", partial(files.plain_pnm, grey, 255, 2), Kept(Format.PNM, grey)
    cut = partial(but_for, partial(files.plain_pnm, grey, 255, 2), 1)
    yield "P2, 8-bit grey in text, without an end", cut, Kept(Format.PNM, grey, (END,))
    make = partial(files.plain_pnm, channels(DEEP, "RGB"), 65_535, 3)
    yield "P3, 16-bit RGB in text", make, Kept(Format.PNM, channels(DEEP, "RGB"))
    for names, kind in (("L", 5), ("RGB", 6)):
        samples = channels(DEEP, names)
        make = partial(files.pnm, samples, 65_535, kind=kind)
        yield f"P{kind}, 16-bit {MODES[names]}", make, Kept(Format.PNM, samples)
        make = partial(files.pnm, samples >> 4, 4095, kind=kind)
        yield f"P{kind}, 12-bit {MODES[names]}", make, Kept(Format.PNM, samples >> 4, bits=12)
    for white in (7, 1000):
        samples = (DEEP[..., 0] % (white + 1)).astype(np.uint8 if white < 256 else np.uint16)
        title = f"P5, grey, white is {white}"
        kept = Kept(Format.PNM, samples, bits=white.bit_length())
        yield title, partial(files.pnm, samples, white), kept
    make = partial(files.pnm, few_bits(12)[..., 0], 4095)
    wide = spread(few_bits(12)[..., 0], 12)
    yield "P5, 12-bit grey", make, Kept(Format.PNG, wide, (DEPTH,)), "format=png"
    make = partial(files.pnm, grey, 255, "# said")
    yield "P5, with a comment", make, Kept(Format.PNM, grey, (METADATA,)), "metadata=strip"
    for names, kind_ in (("LA", "GRAYSCALE_ALPHA"), ("RGBA", "RGB_ALPHA")):
        samples = channels(NOISE, names)
        yield (
            f"P7, 8-bit {MODES[names]}",
            partial(files.pam, samples, 255, kind_),
            Kept(Format.PNM, samples),
        )
    make = partial(files.pam, DEEP, 65_535, "RGB")
    unstated = Kept(Format.PNM, DEEP, unstated=True)
    yield "P7, 16-bit RGB + a channel not stated", make, unstated
    yield "two in one file", lambda: 2 * files.pnm(grey, 255), UNSUPPORTED
