"""JPEG."""

from collections.abc import Iterator
from functools import partial

import imagecodecs

from app.imaging.picture import Change, Format
from tests.fidelity import files
from tests.fidelity.files import DEEP, SMOOTH, by_pillow
from tests.fidelity.row import (
    COLOURS,
    END,
    LOSSY,
    METADATA,
    UNREADABLE,
    UNSUPPORTED,
    Kept,
    Row,
    but_for,
)
from tests.fidelity.samples import GREY, INKS, PRINTED


def rows() -> Iterator[Row]:
    grey, rgb = (Kept(Format.JPEG, samples, (), LOSSY) for samples in (GREY, SMOOTH))
    printed = Kept(Format.JPEG, PRINTED, (COLOURS,), LOSSY)
    yield "grey", partial(by_pillow, GREY, "JPEG", quality=95), grey
    yield "colour", partial(by_pillow, SMOOTH, "JPEG", quality=95, subsampling=0), rgb
    yield (
        "colour, progressive",
        partial(by_pillow, SMOOTH, "JPEG", quality=95, progressive=True),
        rgb,
    )
    yield (
        "colour, stored as RGB",
        partial(by_pillow, SMOOTH, "JPEG", quality=95, keep_rgb=True),
        rgb,
    )
    for colours in (imagecodecs.JPEG8.CS.CMYK, imagecodecs.JPEG8.CS.YCCK):
        yield colours.name, partial(files.cmyk_jpeg, INKS, colours), printed
    inked = files.cmyk_jpeg(INKS, imagecodecs.JPEG8.CS.CMYK)
    yield "CMYK without Adobe's marker", partial(files.without_adobe, inked), printed
    ended = Kept(Format.JPEG, SMOOTH, (END,), LOSSY)
    for title, kind in (("colour", False), ("colour, progressive", True)):
        make = partial(by_pillow, SMOOTH, "JPEG", quality=95, progressive=kind)
        yield f"{title}, without an end", partial(but_for, make, 2), ended
        yield f"{title}, without its last pixels", partial(but_for, make, 5), UNREADABLE
    photo = by_pillow(SMOOTH, "JPEG", quality=95, subsampling=0)
    extras: dict[str, tuple[bytes, Change]] = {
        "a film behind it": (files.FILM, Change.FILM),
        "another picture behind it": (photo, Change.PICTURES),
    }
    for title, (extra, change) in extras.items():
        back = Kept(Format.JPEG, SMOOTH, (change, METADATA), LOSSY)
        yield f"colour, {title}", partial(bytes, photo + extra), back
    mapped = partial(bytes, photo + files.gain_map(photo))
    yield "colour, a gain map behind it", mapped, Kept(Format.JPEG, SMOOTH, (), LOSSY)
    back = Kept(Format.PNG, SMOOTH, (Change.GAIN_MAP,), LOSSY)
    yield "colour, a gain map behind it", mapped, back, "format=png"
    lossless = partial(imagecodecs.jpeg8_encode, SMOOTH, lossless=True)
    yield "lossless (SOF3)", lossless, UNSUPPORTED
    deep = partial(imagecodecs.jpeg8_encode, (DEEP[..., 0] >> 4), 95, bitspersample=12)
    yield "12-bit", deep, UNSUPPORTED
