"""The recent cost of a pixel, to estimate how long pixels take."""

import time

MEMORY = 0.9
"""Decay per batch of the weight of earlier ones: about the last ten batches count."""


class Pace:
    """The recent cost of a pixel, measured on batches that may overlap; not thread-safe.

    It is a ratio of sums, so that tiny batches, whose pixels are expensive, count for little.
    """

    def __init__(self, seconds_per_pixel: float, pixels: int) -> None:
        """Begin with an assumed cost, weighted like one batch of `pixels`."""
        self._pixels = float(pixels)
        self._seconds = seconds_per_pixel * pixels
        self._last_finish = 0.0

    def seconds(self, pixels: float) -> float:
        """Estimate the seconds for so many pixels."""
        return pixels * self._seconds / self._pixels

    def account(self, pixels: int, start: float) -> None:
        """Record a batch of `pixels` that began at `start`, by `time.monotonic`, and ends now.

        Lanes share the machine, so the time in which batches overlap counts once.
        """
        now = time.monotonic()
        seconds, self._last_finish = now - max(start, self._last_finish), now
        self._pixels = MEMORY * self._pixels + pixels
        self._seconds = MEMORY * self._seconds + seconds
