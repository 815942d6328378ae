"""The IHDR chunk, with which a PNG begins."""

import struct
from dataclasses import dataclass

from app.imaging.formats.png.chunks import Chunk, is_sound, write_chunk
from app.imaging.picture import UnreadableImage, UnsupportedImage

PALETTE = 3
"""The colour type of palette indices."""
CHANNELS = {0: 1, 2: 3, PALETTE: 1, 4: 2, 6: 4}
"""By colour type."""
ADAM7 = [
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
]
"""Left, top, and steps across and down of each pass of an interlaced image."""

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), PALETTE: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@dataclass(frozen=True, slots=True)
class Head:
    """The contents of the IHDR chunk."""

    width: int
    height: int
    depth: int
    colour_type: int
    interlaced: int

    @property
    def stream_size(self) -> int:
        """The number of bytes of all filtered rows: one for the filter, then samples."""
        bits, size = self.depth * CHANNELS[self.colour_type], 0
        for left, top, across, down in ADAM7 if self.interlaced else [(0, 0, 1, 1)]:
            columns, rows = -((left - self.width) // across), -((top - self.height) // down)
            if columns > 0:
                size += rows * (1 + (columns * bits + 7) // 8)
        return size

    def write(self) -> bytes:
        """Return the chunk, rebuilt."""
        return write_chunk(
            b"IHDR",
            struct.pack(
                *(">IIBBBBB", self.width, self.height, self.depth, self.colour_type),
                *(0, 0, self.interlaced),
            ),
        )


def read_head(first: Chunk) -> Head:
    """Read the first chunk; raises UnreadableImage if it is no IHDR chunk, or invalid."""
    name, body, whole = first
    if name == b"CgBI":
        raise UnsupportedImage(
            "This is a PNG as apps for iPhones contain it, which is no standard one; open it on a "
            "Mac, and save it again."
        )
    if name != b"IHDR" or len(body) != 13 or not is_sound(whole):
        raise UnreadableImage("The PNG image does not begin with its header.")
    width, height, depth, colour_type, *methods, interlaced = struct.unpack(">IIBBBBB", body)
    if depth not in _DEPTHS.get(colour_type, ()) or any(methods) or interlaced > 1:
        raise UnreadableImage("The header of the PNG image makes no sense.")
    return Head(width, height, depth, colour_type, interlaced)
