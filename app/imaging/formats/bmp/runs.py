"""The run-length encodings of BMP, of palette indices of 8 or 4 bits."""

from app.imaging.picture import TooManyPixels, UnreadableImage

MAX_RUNS = 1 << 23
"""Maximum runs of an image: each takes half a microsecond."""
FREE_RUNS = 1 << 16
"""Runs that an image may have in addition to one per pixel."""

_LAST = b"\0\1"
_END_OF_ROW, _END, _MOVE = range(3)  # escapes of length 0; any other number counts literal pixels


def unpacked(data: bytes, position: int, size: tuple[int, int], bits: int) -> tuple[bytes, int]:
    """Return indices, a byte each, in the stored order of rows, and where the runs end.

    Pixels without a run are 0, and the excess of a run beyond its row is dropped. Raises
    UnreadableImage if the last row is not reached, and TooManyPixels for too many runs.
    """
    width, height = size
    indices = bytearray(width * height)
    column = row = 0
    most = min(MAX_RUNS, FREE_RUNS + width * height)
    for _ in range(most):
        if row >= height or position + 2 > len(data):
            position += 2 * (data[position : position + 2] == _LAST)
            break
        count, value = data[position], data[position + 1]
        position += 2
        if count:
            run = bytes(_parted(bytes([value]), bits) * count)[:count]
        elif value == _END_OF_ROW:
            column, row = 0, row + 1
            continue
        elif value == _END:
            return bytes(indices), position
        elif value == _MOVE:
            moved = data[position : position + 2].ljust(2, b"\0")
            column, row, position = column + moved[0], row + moved[1], position + 2
            continue
        else:
            length = (value * bits + 15) // 16 * 2  # padded to whole words
            run = _parted(data[position : position + length], bits)[:value]
            position += length
        place, room = row * width + column, max(0, width - column)
        indices[place : place + min(room, len(run))] = run[:room]
        column += len(run)
    else:
        raise TooManyPixels(f"The BMP image has more than {most} runs.")
    if row * width + min(column, width) < width * height:
        raise UnreadableImage("The BMP image is truncated.")
    return bytes(indices), position


def _parted(packed: bytes, bits: int) -> bytes:
    """Unpack indices to a byte each."""
    return packed if bits == 8 else bytes.fromhex("".join(f"0{digit}" for digit in packed.hex()))
