"""PNG."""

import zlib
from collections.abc import Iterator
from functools import partial
from itertools import chain

import numpy as np

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import DEEP, NOISE, spread
from tests.fidelity.row import (
    ALPHA,
    COLOURS,
    DEPTH,
    END,
    UNREADABLE,
    UNSUPPORTED,
    Kept,
    Row,
    but_for,
)
from tests.fidelity.samples import INDICES, MODES, OPACITY, PALETTE, SEEN, channels

LINEAR = {
    "gAMA": files.png_chunk(b"gAMA", (100_000).to_bytes(4, "big")),
    "cICP": files.png_chunk(b"cICP", bytes([1, 8, 0, 1])),
    "a profile": files.png_chunk(b"iCCP", b"linear\0\0" + zlib.compress(files.linear_profile())),
}
"""Chunks by which a PNG says that its samples are in proportion to light."""


_plain = partial(files.png, interlaced=False)


def rows() -> Iterator[Row]:
    return chain(_depths(), _palettes(), _hidden_colours(), _linear(), _ends())


def _depths() -> Iterator[Row]:
    """Bits of a sample, and channels."""
    for bits in (1, 2, 4):
        grey = files.few_bits(bits)
        back = Kept(Format.PNG, spread(grey[..., 0], bits), (DEPTH,))
        yield f"{bits}-bit grey", partial(_plain, grey, bits, 0), back
    for bits, source in ((8, NOISE), (16, DEEP)):
        for (names, title), kind in zip(MODES.items(), (0, 4, 2, 6), strict=True):
            samples = channels(source, names)
            planes = samples.reshape(*samples.shape[:2], -1)
            back = Kept(Format.PNG, samples)
            yield f"{bits}-bit {title}", partial(_plain, planes, bits, kind), back
            make = partial(files.png, planes, bits, kind, interlaced=True)
            yield f"{bits}-bit {title}, interlaced", make, back


def _palettes() -> Iterator[Row]:
    """Indices into a palette."""
    colours = files.png_chunk(b"PLTE", PALETTE.tobytes())
    opacity = files.png_chunk(b"tRNS", bytes([255, 255, 0]))
    for bits in (2, 4, 8):
        make = partial(_plain, INDICES[..., None], bits, 3, colours)
        yield f"palette, {bits}-bit indices", make, Kept(Format.PNG, SEEN, (COLOURS,))
    make = partial(_plain, INDICES[..., None], 8, 3, colours, opacity)
    back = Kept(Format.PNG, np.dstack((SEEN, OPACITY)), (ALPHA, COLOURS))
    yield "palette with transparency", make, back
    greys = files.png_chunk(b"PLTE", bytes(level for level in (3, 99, 7, 200) for _ in "rgb"))
    back = Kept(Format.PNG, np.array([3, 99, 7, 200], np.uint8)[INDICES], (COLOURS,))
    yield "palette of greys", partial(_plain, INDICES[..., None], 8, 3, greys), back


def _hidden_colours() -> Iterator[Row]:
    """One colour stands for transparent."""
    for bits, source in ((8, NOISE), (16, DEEP)):
        for names, kind in (("L", 0), ("RGB", 2)):
            samples = channels(source, names)
            planes = samples.reshape(*samples.shape[:2], -1)
            colour = planes[0, 0]
            hidden = (planes == colour).all(axis=-1)
            opaque = np.where(hidden, 0, 2**bits - 1).astype(samples.dtype)
            chunk = files.png_chunk(b"tRNS", colour.astype(">u2").tobytes())
            back = Kept(Format.PNG, np.dstack((samples, opaque)), (ALPHA,))
            make = partial(_plain, planes, bits, kind, chunk)
            yield f"{bits}-bit {MODES[names]} with a transparent colour", make, back


def _linear() -> Iterator[Row]:
    """Chunks that say how samples stand for light."""
    deep, seen = DEEP[..., :3], Kept(Format.PNG, DEEP[..., :3])
    for said, chunk in LINEAR.items():
        yield f"16-bit RGB, linear by {said}", partial(_plain, deep, 16, 2, chunk), seen


def _ends() -> Iterator[Row]:
    """Files that end too early or too late, or have more than one frame."""
    deep = DEEP[..., :3]
    make, whole = partial(_plain, deep, 16, 2), Kept(Format.PNG, deep, (END,))
    yield "16-bit RGB without an end", partial(but_for, make, 12), whole
    yield "16-bit RGB, damaged behind its pixels", lambda: but_for(make, 12) + bytes(9), whole
    yield "16-bit RGB without its last pixels", partial(but_for, make, 20), UNREADABLE
    yield "animated", partial(files.animated, "PNG"), UNSUPPORTED
