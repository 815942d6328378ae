"""Numbers in the headers of video codecs: most significant bits first."""

from app.imaging.picture import UnreadableImage

_LONGEST_PREFIX = 32  # bits; numbers in these headers have at most as many


class Bits:
    """A reader of numbers of any bit length; raises `UnreadableImage` at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int = 1) -> int:
        """Read an unsigned number of `count` bits."""
        self._left -= count
        if self._left < 0:
            raise UnreadableImage("The header of the image is truncated.")
        return self._value >> self._left & ((1 << count) - 1)

    def golomb(self) -> int:
        """Read an unsigned Exp-Golomb number, ue(v): ITU-T H.265, section 9.2."""
        zeros = 0
        while not self.read():
            zeros += 1
            if zeros > _LONGEST_PREFIX:
                raise UnreadableImage("The header of the image is damaged.")
        return (1 << zeros) - 1 + self.read(zeros)
