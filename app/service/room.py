"""Limits on memory, for threads that process files side by side."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.imaging.picture import ImagingError

PIXELS_AT_ONCE = 64_000_000
"""Pixels of the images in memory at a time; a larger image is processed alone."""
BYTES_AT_ONCE = 1 << 30
"""Bytes of the files in memory at a time; a larger one is processed alone."""
BYTES_PER_PIXEL = 16
"""The most that a file needs: four channels of 32 bits, uncompressed."""


class TooLarge(ImagingError):
    """The file has more bytes than are allowed."""

    code = "too-large"


def largest_file(max_pixels: int) -> int:
    """Return how many bytes a file may have if an image may have `max_pixels`."""
    return BYTES_PER_PIXEL * max_pixels


def check_size(size: int, max_pixels: int) -> None:
    """Raise TooLarge if a file has more bytes than `largest_file` allows."""
    if size > largest_file(max_pixels):
        raise TooLarge(
            f"The file has more than {largest_file(max_pixels)} bytes, {BYTES_PER_PIXEL} for each "
            f"of the {max_pixels} pixels that an image may have (DENOISER_MAX_PIXELS)."
        )


class Room:
    """A limit on pixels or bytes in memory; threads wait until enough are free."""

    def __init__(self, limit: int = PIXELS_AT_ONCE) -> None:
        self._limit = limit
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        """Wait until this amount is free, or everything, and take it for the block."""
        with self._changed:
            self._changed.wait_for(lambda: not self._held or self._held + amount <= self._limit)
            self._held += amount
        try:
            yield
        finally:
            with self._changed:
                self._held -= amount
                self._changed.notify_all()
