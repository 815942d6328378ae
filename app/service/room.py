"""The limit on pixels in memory, for threads that process images side by side."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PIXELS_AT_ONCE = 64_000_000
"""Pixels of the images in memory at a time; a larger image is processed alone."""


class Room:
    """Pixels that may be in memory at a time; threads wait until enough are free."""

    def __init__(self, pixels: int = PIXELS_AT_ONCE) -> None:
        self._pixels = pixels
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Wait until so many pixels, or all, are free, and take them for the block."""
        with self._changed:
            self._changed.wait_for(lambda: not self._held or self._held + pixels <= self._pixels)
            self._held += pixels
        try:
            yield
        finally:
            with self._changed:
                self._held -= pixels
                self._changed.notify_all()
