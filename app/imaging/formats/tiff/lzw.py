"""Check LZW streams of TIFF for what their decoder takes on trust.

imagecodecs accepts any code after a clear code: one that is not a byte but an entry of the table
that has just been cleared makes it read and write wherever an old entry points. Here all codes are
read, in runs from one clear code to the next. TIFF 6.0, section 13, defines the scheme.
"""

import numpy as np
from numpy.typing import NDArray

from app.imaging.picture import UnreadableImage

CLEAR, END = 256, 257

_LONGEST_RUN = 3_900  # codes; the table is full before
_FEW_RUNS = 5  # runs that any stream may have; each further one takes
_RUN_BYTES = 2_048  # bytes of the stream: a full table has taken 5,000,
_UNPACKED_BYTES = 8_192  # or of the result: libtiff may clear its table after 10,000


def _starts(widths_change_at: tuple[int, int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the position of each code of a run, and its length, both in bits."""
    table = 257 + np.arange(_LONGEST_RUN, dtype=np.int64)  # entries when the code is read
    widths = 9 + np.searchsorted(widths_change_at, table, side="right").astype(np.int64)
    return np.cumsum(widths) - widths, widths


_HIGH_FIRST = _starts((511, 1023, 2047))
_LOW_FIRST = _starts((512, 1024, 2048))  # in files older than TIFF 6.0


def check(stream: bytes, room: int) -> None:
    """Raise `UnreadableImage` unless each clear code precedes a byte, another, or the end.

    `room` is the decompressed length in bytes, which limits the number of runs.
    """
    low_first = stream[:1] == b"\0" and stream[1:2] != b"" and bool(stream[1] & 1)
    starts, widths = _LOW_FIRST if low_first else _HIGH_FIRST
    octets = np.frombuffer(stream + bytes(3), np.uint8)
    position, bits = 0, 8 * len(stream)
    for _ in range(_FEW_RUNS + len(stream) // _RUN_BYTES + room // _UNPACKED_BYTES):
        number = int(np.searchsorted(position + starts + widths, bits, side="right"))
        places = position + starts[:number]
        first = places >> 3
        parts = [octets[first + step].astype(np.int64) for step in range(3)]
        if low_first:
            codes = (parts[0] | parts[1] << 8 | parts[2] << 16) >> (places & 7)
        else:
            codes = (parts[0] << 16 | parts[1] << 8 | parts[2]) >> (
                24 - (places & 7) - widths[:number]
            )
        codes &= (1 << widths[:number]) - 1
        if number and codes[0] > END:
            raise UnreadableImage("An LZW stream of the TIFF image is damaged.")
        ends = np.flatnonzero((codes == CLEAR) | (codes == END))
        if ends.size == 0 or codes[ends[0]] == END:
            if ends.size == 0 and number == _LONGEST_RUN:
                break
            return
        position = int(places[ends[0]] + widths[ends[0]])
    raise UnreadableImage("An LZW stream of the TIFF image clears its table too seldom or often.")
