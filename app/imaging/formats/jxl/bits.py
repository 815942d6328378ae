"""The numbers of a JPEG XL header, ISO/IEC 18181-1, section 4: least significant bits first."""

from app.imaging.picture import UnreadableImage, UnsupportedImage

LONGEST = 4096
"""Bytes that are looked at: a header without names and profile has about a hundred."""

Choice = tuple[int, int]
"""One of four ways to write a number: what is added to it, and its bits."""


class Reader:
    """Takes numbers off a codestream, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._value, self._size = int.from_bytes(data[:LONGEST], "little"), 8 * len(data[:LONGEST])
        self.position = 0
        """Bits that have been read."""

    def bits(self, count: int = 1) -> int:
        """Return a number of so many bits."""
        start, self.position = self.position, self.position + count
        if self.position > self._size:
            raise UnreadableImage("The header of the JPEG XL image is truncated, or too long.")
        return self._value >> start & ((1 << count) - 1)

    def number(self, *choices: Choice) -> int:
        """Return a number in one of four ways (U32)."""
        offset, count = choices[self.bits(2)]
        return offset + self.bits(count)

    def kind(self) -> int:
        """Return one of a list of kinds (Enum)."""
        return self.number((0, 0), (1, 0), (2, 4), (18, 6))

    def no_extensions(self) -> None:
        """Raise `UnsupportedImage` where later editions of the format have put something."""
        if self.bits(2):
            raise UnsupportedImage("The JPEG XL image has extensions, which are not read here.")


class Writer:
    """Puts numbers behind each other."""

    def __init__(self) -> None:
        self._value = self._size = 0

    def bits(self, value: int, count: int = 1) -> None:
        """Write a number of so many bits."""
        self._value |= value << self._size
        self._size += count

    def number(self, value: int, *choices: Choice) -> None:
        """Write a number in the first of four ways that it fits into (U32)."""
        for which, (offset, count) in enumerate(choices):
            if 0 <= value - offset < 1 << count:
                self.bits(which, 2)
                self.bits(value - offset, count)
                return
        raise ValueError(f"{value} has no place here")

    def kind(self, value: int) -> None:
        """One of a list of kinds (Enum)."""
        self.number(value, (0, 0), (1, 0), (2, 4), (18, 6))

    def taken(self) -> bytes:
        """Return all of them, filled up to whole bytes."""
        return self._value.to_bytes(-(-self._size // 8), "little")
