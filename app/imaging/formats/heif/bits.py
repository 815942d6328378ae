"""Numbers in the headers of video codecs: most significant bits first."""

from app.imaging.picture import UnreadableImage

_LONGEST_PREFIX = 32  # bits; a number in one of these headers has as many at most


class Bits:
    """Takes numbers off bytes, one after the other; raises `UnreadableImage` at their end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int = 1) -> int:
        """Return a number of so many bits."""
        self._left -= count
        if self._left < 0:
            raise UnreadableImage("The header of the image is truncated.")
        return self._value >> self._left & ((1 << count) - 1)

    def golomb(self) -> int:
        """Return a number that begins with as many zeros as there are bits behind its first one.

        ITU-T H.265, section 9.2: ue(v).
        """
        zeros = 0
        while not self.read():
            zeros += 1
            if zeros > _LONGEST_PREFIX:
                raise UnreadableImage("The header of the image is damaged.")
        return (1 << zeros) - 1 + self.read(zeros)
