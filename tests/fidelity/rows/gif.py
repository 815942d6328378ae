"""GIF."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import NOISE, by_pillow
from tests.fidelity.row import (
    ALPHA,
    COLOURS,
    END,
    FORMAT,
    METADATA,
    UNSUPPORTED,
    Kept,
    Row,
    but_for,
    followed,
)
from tests.fidelity.samples import INDICES, OPACITY, PALETTE, SEEN


def rows() -> Iterator[Row]:
    make = partial(files.with_palette, INDICES, PALETTE, "GIF")
    yield "palette", make, Kept(Format.PNG, SEEN, (COLOURS, FORMAT))
    make = partial(files.with_palette, INDICES, PALETTE, "GIF", 2)
    back = Kept(Format.PNG, np.dstack((SEEN, OPACITY)), (ALPHA, COLOURS, FORMAT))
    yield "palette with transparency", make, back
    make = partial(by_pillow, NOISE[..., 0], "GIF")
    yield "palette of greys", make, Kept(Format.PNG, NOISE[..., 0], (COLOURS, FORMAT))
    make = partial(files.with_palette, INDICES, PALETTE, "GIF", interlace=1)
    yield "interlaced", make, Kept(Format.PNG, SEEN, (COLOURS, FORMAT))
    make = partial(files.with_palette, INDICES, PALETTE, "GIF", comment=b"a comment")
    yield "with a comment", make, Kept(Format.PNG, SEEN, (COLOURS, FORMAT, METADATA))
    make = partial(files.with_palette, INDICES, PALETTE, "GIF")
    yield (
        "with more behind its end",
        partial(followed, make, b"more"),
        Kept(Format.PNG, SEEN, (COLOURS, FORMAT, METADATA)),
    )
    back = Kept(Format.PNG, SEEN, (COLOURS, END, FORMAT))
    yield "without an end", partial(but_for, make, 1), back
    yield "animated", partial(files.animated, "GIF"), UNSUPPORTED
