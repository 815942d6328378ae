"""Formats that are not read, and files that are none."""

import zlib
from collections.abc import Iterator
from functools import partial

import numpy as np

from tests.fidelity import files
from tests.fidelity.files import NOISE, by_pillow
from tests.fidelity.foreign import SAMPLES
from tests.fidelity.row import UNREADABLE, UNSUPPORTED, Refused, Row


def rows() -> Iterator[Row]:
    for title, data in dict(SAMPLES).items():
        yield title.partition(" ")[2], partial(bytes, data), UNSUPPORTED
    yield "no bytes", bytes, UNREADABLE
    half = by_pillow(NOISE, "PNG")
    yield "half a PNG", lambda: half[: len(half) // 2], UNREADABLE
    header = files.png(np.zeros((1, 1, 1), np.uint8), 8, 0, interlaced=False)[:33]
    vast = bytearray(header)
    vast[16:24] = (60_000).to_bytes(4, "big") * 2
    crc = zlib.crc32(vast[12:29]).to_bytes(4, "big")
    many = bytes(vast[:29]) + crc + files.png_chunk(b"IEND", b"")
    yield "PNG of 60,000 x 60,000 pixels", lambda: many, Refused(413, "too-many-pixels")
