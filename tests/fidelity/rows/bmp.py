"""BMP."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from PIL import Image

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import NOISE, by_pillow, spread
from tests.fidelity.row import COLOURS, DEPTH, FORMAT, UNSUPPORTED, Kept, Row
from tests.fidelity.samples import INDICES, PALETTE, SEEN


def rows() -> Iterator[Row]:
    bilevel = np.asarray(Image.fromarray(NOISE[..., 0]).convert("1"), np.uint8) * 255
    yield (
        "1-bit",
        partial(by_pillow, NOISE[..., 0], "BMP", "1"),
        Kept(Format.PNG, bilevel, (DEPTH, FORMAT)),
    )
    make = partial(by_pillow, NOISE[..., 0], "BMP")
    yield "8-bit grey", make, Kept(Format.PNG, NOISE[..., 0], (FORMAT,))
    make = partial(files.with_palette, INDICES, PALETTE, "BMP")
    yield "palette", make, Kept(Format.PNG, SEEN, (COLOURS, FORMAT))
    make = partial(by_pillow, NOISE[..., :3], "BMP")
    yield "24-bit RGB", make, Kept(Format.PNG, NOISE[..., :3], (FORMAT,))
    make = partial(by_pillow, NOISE, "BMP")
    yield "32-bit RGB and a byte of no use", make, Kept(Format.PNG, NOISE[..., :3], (FORMAT,))
    row, masks = NOISE[:1], (0xFF, 0xFF00, 0xFF_0000, 0xFF00_0000)
    make = partial(files.bmp, 32, 3, row.tobytes(), files.WIDTH, *masks)
    yield "32-bit RGB + alpha, by masks", make, Kept(Format.PNG, row, (FORMAT,))
    clipboard = np.dstack((row[..., :3], np.zeros_like(row[..., 3])))
    make = partial(files.bmp, 32, 3, clipboard.tobytes(), files.WIDTH, *masks)
    back = Kept(Format.PNG, row[..., :3], (FORMAT,))
    yield "32-bit RGB + alpha that is 0 all over", make, back
    five = np.array([[[31, 0, 31]]], np.uint8)  # of 31
    pixel = (31 << 10 | 31).to_bytes(4, "little")
    make = partial(files.bmp, 16, 0, pixel, 1)
    yield "16-bit RGB", make, Kept(Format.PNG, spread(five, 5), (DEPTH, FORMAT))
    for bits in (8, 4):
        make = partial(files.bmp_of_runs, INDICES, PALETTE, bits)
        yield (
            f"palette, {bits}-bit indices in runs",
            make,
            Kept(Format.PNG, SEEN, (COLOURS, FORMAT)),
        )
    ten = partial(files.bmp, 32, 3, bytes(4), 1, 0x3FF, 0xFFC00, 0x3FF00000, 0)
    yield "10-bit RGB", ten, UNSUPPORTED
