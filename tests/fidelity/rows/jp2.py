"""JPEG 2000."""

from collections.abc import Iterator
from functools import partial

import imagecodecs
import numpy as np

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import DEEP, NOISE, SMOOTH, by_pillow, few_bits, spread
from tests.fidelity.row import COLOURS, DEPTH, FORMAT, LOSSY, UNSUPPORTED, Kept, Row
from tests.fidelity.samples import INDICES, MODES, PALETTE, SEEN, channels


def rows() -> Iterator[Row]:
    for names, title in MODES.items():
        samples = channels(NOISE, names)
        make = partial(by_pillow, samples, "JPEG2000")
        yield f"8-bit {title}", make, Kept(Format.JP2, samples)
    for names in ("L", "RGB"):
        samples = channels(DEEP, names)
        yield f"16-bit {MODES[names]}", partial(files.jp2, samples), Kept(Format.JP2, samples)
    for bits in (4, 12):
        samples = few_bits(bits)[..., 0]
        samples = samples.astype(np.uint8) if bits < 8 else samples
        make = partial(files.jp2, samples, bits=bits)
        yield f"{bits}-bit grey", make, Kept(Format.JP2, samples, bits=bits)
    yield (
        "12-bit grey",
        partial(files.jp2, few_bits(12)[..., 0], bits=12),
        Kept(Format.PNG, spread(few_bits(12)[..., 0], 12), (DEPTH,)),
        "format=png",
    )
    yield (
        "16-bit RGB + a channel not stated",
        partial(files.jp2, DEEP),
        Kept(Format.JP2, DEEP, unstated=True),
    )
    signed = (DEEP[..., 0] >> 4).astype(np.int16) - 2048
    yield (
        "12-bit signed grey",
        partial(files.jp2, signed, bits=12),
        Kept(Format.TIFF, signed, (DEPTH, FORMAT)),
    )
    grey = channels(NOISE, "L")
    make = partial(files.jp2, grey, codecformat="j2k")
    yield "8-bit grey, a codestream alone", make, Kept(Format.JP2, grey)
    deep = channels(DEEP, "RGB")
    coded = partial(imagecodecs.htj2k_encode, deep)
    yield "16-bit RGB, HTJ2K", coded, Kept(Format.JP2, deep)
    make = partial(files.paletted_jp2, INDICES, PALETTE)
    yield "palette", make, Kept(Format.JP2, SEEN, (COLOURS,))
    make = partial(files.jp2, SMOOTH, level=45, reversible=False)
    yield "8-bit RGB, with loss", make, Kept(Format.JP2, SMOOTH, (), LOSSY)
    yield "5 components", partial(files.jp2, np.dstack([grey] * 5)), UNSUPPORTED
