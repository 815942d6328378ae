"""A row of the fidelity table: a file, how to make one, and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.imaging.picture import Change, Format
from tests.fidelity.files import Samples

Item = Literal["profile", "exif", "gps", "xmp", "dpi", "comment"]
Make = Callable[[], bytes | bytearray]

ALPHA, CHANNEL, COLOURS, DEPTH = Change.ALPHA, Change.CHANNEL, Change.COLOURS, Change.DEPTH
END, FORMAT, METADATA = Change.END, Change.FORMAT, Change.METADATA
ORIENTATION, PROFILE = Change.ORIENTATION, Change.PROFILE
LOSSY = 6
"""Levels of 255 that a second lossy coding may cost a smooth picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A picture in return: its format, its samples to within `tolerance`, and what has changed.

    `samples` is `[height, width]` for grey, else with 2, 3 or 4 channels, of the answer's depth.
    The last of an even number is alpha, or, with `unstated`, a channel of no stated meaning.
    """

    format: Format
    samples: Samples
    changes: tuple[Change, ...] = ()
    tolerance: int = 0
    metadata: frozenset[Item] = frozenset()
    unstated: bool = False
    bits: int | None = None
    """Of a sample, where they do not fill its type."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An error in return."""

    status: int
    code: str


Row = tuple[str, Make, Kept | Refused] | tuple[str, Make, Kept | Refused, str]
"""An upload, how to make it, what comes back, and maybe a query beside strength=0."""

UNSUPPORTED = Refused(415, "unsupported-media-type")
UNREADABLE = Refused(400, "unreadable-image")
UNSUITABLE = Refused(422, "unsuitable-format")


def but_for(make: Make, count: int) -> bytes:
    """A file without its last bytes."""
    return bytes(make()[:-count])


def followed(make: Make, by: bytes) -> bytes:
    """A file, and more bytes behind it."""
    return bytes(make()) + by
