"""How long pixels take, by what was done recently."""

import time

MEMORY = 0.9
"""Weight of the past in the measured cost of a pixel, at each batch: some ten batches count."""


class Pace:
    """The recent cost of a pixel, of batches that may overlap; to be used by one thread at a time.

    It is a ratio of sums, so that tiny batches, expensive by the pixel, count for little.
    """

    def __init__(self, seconds_per_pixel: float, pixels: int) -> None:
        """Begin with an assumed cost, of the weight of one batch of so many pixels."""
        self._pixels = float(pixels)
        self._seconds = seconds_per_pixel * pixels
        self._last_finish = 0.0

    def seconds(self, pixels: float) -> float:
        """Return how long so many pixels take."""
        return pixels * self._seconds / self._pixels

    def account(self, pixels: int, start: float) -> None:
        """Count a batch of so many pixels that began at `start`, by `time.monotonic`, and ends now.

        Lanes share the machine: what was done in the time that two overlap counts once.
        """
        now = time.monotonic()
        seconds, self._last_finish = now - max(start, self._last_finish), now
        self._pixels = MEMORY * self._pixels + pixels
        self._seconds = MEMORY * self._seconds + seconds
