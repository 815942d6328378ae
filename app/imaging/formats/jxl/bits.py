"""The numbers of a JPEG XL header, ISO/IEC 18181-1, section 4: least significant bits first."""

from app.imaging.picture import UnreadableImage, UnsupportedImage

Choice = tuple[int, int]
"""One of the four encodings of a U32: an offset, and the number of bits."""


class Reader:
    """A reader of numbers from a codestream."""

    def __init__(self, data: bytes, start: int = 0) -> None:
        """Begin at a byte offset of the codestream."""
        self._data = data
        self.position = 8 * start
        """The position after what has been read, in bits."""

    @property
    def left(self) -> int:
        """The number of bits left."""
        return 8 * len(self._data) - self.position

    def bits(self, count: int = 1) -> int:
        """Read a number of `count` bits."""
        if count > self.left:
            raise UnreadableImage("The header of the JPEG XL image is truncated, or too long.")
        start, self.position = self.position, self.position + count
        taken = self._data[start >> 3 : self.position + 7 >> 3]
        return int.from_bytes(taken, "little") >> (start & 7) & ((1 << count) - 1)

    def align(self) -> None:
        """Skip to the next byte boundary."""
        self.position = -(-self.position // 8) * 8

    def number(self, *choices: Choice) -> int:
        """Read a number in one of four encodings (U32)."""
        offset, count = choices[self.bits(2)]
        return offset + self.bits(count)

    def kind(self) -> int:
        """Read an enumerated value (Enum)."""
        return self.number((0, 0), (1, 0), (2, 4), (18, 6))

    def no_extensions(self) -> None:
        """Raise `UnsupportedImage` if there are extensions, of later editions of the format."""
        if self.bits(2):
            raise UnsupportedImage("The JPEG XL image has extensions, which are not read here.")


class Writer:
    """A writer of consecutive numbers."""

    def __init__(self) -> None:
        self._value = self.size = 0
        """`size` is in bits."""

    def bits(self, value: int, count: int = 1) -> None:
        """Write a number of `count` bits."""
        self._value |= value << self.size
        self.size += count

    def number(self, value: int, *choices: Choice) -> None:
        """Write a number in the first of four encodings that can hold it (U32)."""
        for which, (offset, count) in enumerate(choices):
            if 0 <= value - offset < 1 << count:
                self.bits(which, 2)
                self.bits(value - offset, count)
                return
        raise ValueError(f"{value} has no place here")

    def kind(self, value: int) -> None:
        """Write an enumerated value (Enum)."""
        self.number(value, (0, 0), (1, 0), (2, 4), (18, 6))

    def taken(self) -> bytes:
        """Return all numbers, padded to whole bytes."""
        return self._value.to_bytes(-(-self.size // 8), "little")
