"""HEIC."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from app.imaging.picture import Change, Format
from tests.fidelity import files
from tests.fidelity.files import SMOOTH
from tests.fidelity.row import DEPTH, FORMAT, LOSSY, ORIENTATION, Item, Kept, Row
from tests.fidelity.samples import GREY


def rows() -> Iterator[Row]:
    for bits in (8, 10, 12):
        for title, samples in (("grey", SMOOTH[..., 0]), ("RGB", SMOOTH)):
            target = Format.JPEG if bits == 8 else Format.AVIF
            changes = (FORMAT,) if bits == 8 else (DEPTH, FORMAT)
            planes = samples if bits == 8 else samples.astype(np.uint16) * 273 // 17
            back = Kept(target, planes, changes, LOSSY * (1 if bits == 8 else 16))
            yield f"{bits}-bit {title}", partial(files.heic, samples, bits), back
    veiled = np.dstack((SMOOTH, GREY))
    back = Kept(Format.AVIF, veiled, (FORMAT,), LOSSY)
    yield "8-bit RGB + alpha", partial(files.heic, veiled, 8), back
    many = SMOOTH.repeat(8, axis=0).repeat(8, axis=1)
    grid = partial(files.heic, many, 8, tile_size=64)
    yield "grid of tiles", grid, Kept(Format.JPEG, many, (FORMAT,), 2 * LOSSY)
    turned = partial(files.heic, SMOOTH, 8, exif=files.exif(6), xmp=b"<x/>")
    items: frozenset[Item] = frozenset({"exif", "gps", "xmp"})
    back = Kept(Format.JPEG, files.turned(SMOOTH, 6), (FORMAT, ORIENTATION), LOSSY, items)
    yield "turned, with EXIF and XMP", turned, back
    kind = b"urn:com:apple:photo:2020:aux:hdrgainmap"
    back = Kept(Format.JPEG, SMOOTH, (FORMAT, Change.GAIN_MAP), LOSSY)
    yield "with a gain map", lambda: files.heic_beside(files.heic(SMOOTH, 8), kind), back
