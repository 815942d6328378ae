"""The working range of an image: the values that a network sees as 0 and 1.

Cameras, microscopes and scanners store 10 to 14 bits in 16, and floats may be counts or radiances;
mapped from the full range of its type, such an image would be practically black. So the range that
it actually fills is found, and mapped to [0, 1] and back.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels, bands, limits, precise, to_type

SAMPLES = 1 << 20
"""The number of values, spread evenly over the image, from which the range is found."""

RARE = 1e-3
"""The share of values, at either end, that may be outliers."""

FEW = 8
"""Values at either end that may be outliers in a small image, where RARE would be less than one."""

REACH = 1.0
"""How far beyond the other values, relative to their span, the extremes may lie without being
outliers: noise reaches this far, hot pixels farther.
"""

MARGIN = 0.05
"""Margin beyond the other values, relative to their span, if there are outliers."""

FILLED = 0.5
"""The share of the type's range from which on an image counts as filling it."""

OVERFLOWS = 1e30
"""Magnitude beyond which single precision may overflow; below its inverse, it may underflow."""

FINEST = 1e-5
"""The least span of a range, relative to its ends, that single precision can resolve."""

FARTHEST = float(np.finfo(np.float64).max) / 4
"""Magnitude up to which the difference of two numbers, times 1.5, does not overflow."""

MOST_EXACT = 2**53
"""Up to here, floats represent every integer exactly."""

KEPT = 0.7
"""How close to its end of the range, 1, a network must leave a clipped value for the clipped part
to be restored; otherwise that part is removed as noise. It is all or nothing: half of a hot pixel
is neither what was there nor what should be.
"""


@dataclass(frozen=True, slots=True)
class Range:
    """The values mapped to 0 and 1; `low` is less than `high`, and both are finite."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self._said(self.low)}:{self._said(self.high)}"

    @property
    def span(self) -> float:
        """The difference of `high` and `low`."""
        return self.high - self.low

    def negative(self, total: float | None) -> "Range":
        """Return the range of `total` minus the values of this one; itself if `total` is None."""
        return self if total is None else Range(total - self.high, total - self.low)

    def to_unit(self, samples: Pixels) -> NDArray[np.float32]:
        """Map finite samples of any type to the [0, 1] scale; clip those beyond."""
        unit = np.empty(samples.shape, np.float32)
        kind, clips = self._kind(samples.dtype), self._is_exceeded(samples)
        for band in bands(samples):
            part = samples[band].astype(kind)
            if clips:
                np.clip(part, self.low, self.high, out=part)
            part -= self.low
            part /= self.span
            np.clip(part, 0, 1, out=unit[band])  # rounding may move an end of the range beyond
        return unit

    def from_unit(self, values: NDArray[np.floating[Any]], samples: Pixels) -> Pixels:
        """Map `values`, the results for `to_unit` of `samples`, back to the type of the samples.

        Integers are rounded to nearest. What `to_unit` clipped off is restored if the value has
        stayed at its end of the range: a star keeps its light, a hot pixel is removed.
        """
        result = np.empty(samples.shape, samples.dtype)
        kind, clipped = self._kind(samples.dtype), self._is_exceeded(samples)
        for band in bands(samples):
            found = values[band].astype(kind)
            found *= self.span
            found += self.low
            if clipped:
                beyond = samples[band].astype(kind)
                beyond -= np.clip(beyond, self.low, self.high)
                nearness = np.where(beyond > 0, values[band], 1 - values[band])
                found += np.where(nearness >= KEPT, beyond, 0)
            result[band] = to_type(found, samples.dtype)
        return result

    def _said(self, end: float) -> str:
        """Return an end with enough digits to distinguish the values within the range."""
        if abs(end) <= MOST_EXACT and end == int(end):
            return str(int(end))
        excess = math.log10(max(abs(self.low), abs(self.high), self.span) / self.span)
        return f"{end:.{min(9 + math.ceil(excess), 17)}g}"

    def _is_exceeded(self, samples: Pixels) -> bool:
        return float(samples.min()) < self.low or float(samples.max()) > self.high

    def _kind(self, dtype: np.dtype[Any]) -> np.dtype[np.floating[Any]]:
        """Return the floating-point type to map samples of `dtype` in."""
        farthest = max(abs(self.low), abs(self.high))
        if farthest > OVERFLOWS or self.span < max(1 / OVERFLOWS, FINEST * farthest):
            return np.dtype(np.float64)
        return np.dtype(np.float32) if dtype == np.float32 else precise(dtype)


Choice = Literal["auto", "full"] | Range
"""The range to use: that of the image itself, that of its type, or an explicit one."""


def read_choice(text: str) -> Choice:
    """Parse `auto`, `full`, or two numbers such as `100:4095`; raise ValueError otherwise."""
    if text == "auto":
        return "auto"
    if text == "full":
        return "full"
    is_plain = text.isascii() and "_" not in text  # Python also accepts other digits, and 1_000
    low, _, high = text.partition(":")
    try:
        found = Range(float(low), float(high))
    except ValueError:
        found = Range(math.nan, math.nan)
    if not (is_plain and math.isfinite(found.span) and found.low < found.high):
        raise ValueError("It must be auto, full, or LOW:HIGH with LOW less than HIGH")
    return found


def choose(choice: Choice, pixels: Pixels) -> Range:
    """Return the range in which to process finite `pixels` [height, width, channels].

    `auto` is that of the type for 8 bits and for images that fill it, else the one of the image.
    """
    if isinstance(choice, Range):
        return choice
    own = full(pixels)
    if choice == "full" or pixels.dtype == np.uint8:
        return own
    found = robust(pixels)
    if pixels.dtype.kind == "f" and own != Range(0, 1):
        return found
    fills = found.low >= own.low and found.high <= own.high and found.span >= FILLED * own.span
    return own if fills else found


def full(pixels: Pixels) -> Range:
    """Return the range of the type; for floats [0, 1], extended to the least and the greatest."""
    if pixels.dtype.kind != "f":
        return Range(*limits(pixels.dtype))
    return _measurable(min(0.0, float(pixels.min())), max(1.0, float(pixels.max())))


def robust(pixels: Pixels) -> Range:
    """Return the range of all values except outliers, which are few and far from the others.

    For an image that is flat apart from outliers, it is a narrow range that begins at its value, or
    ends at it if no number is that much greater.
    """
    rows, columns, _ = pixels.shape
    step = math.ceil(math.sqrt(pixels.size / SAMPLES))
    some = pixels[:: min(step, rows), :: min(step, columns)].ravel()
    low, high = usual_ends(some)
    least, greatest = float(pixels.min()), float(pixels.max())
    span = high - low
    if not span:
        width = _step_of(pixels.dtype, low)
        return Range(low, low + width) if math.isfinite(low + width) else Range(low - width, low)
    return _measurable(
        least if least >= low - REACH * span else low - MARGIN * span,
        greatest if greatest <= high + REACH * span else high + MARGIN * span,
    )


def _measurable(low: float, high: float) -> Range:
    """Return the range between these ends, brought closer if their difference would overflow.

    Values beyond are then treated as outliers.
    """
    if math.isfinite(2 * (high - low)):
        return Range(low, high)
    middle = low / 2 + high / 2
    return Range(middle - FARTHEST, middle + FARTHEST)


def usual_ends(values: Pixels) -> tuple[float, float]:
    """Return the least and the greatest of `values` [n] after as many as may be outliers."""
    rare = rare_of(values.size)
    ordered = np.partition(values, (rare, values.size - 1 - rare))
    return float(ordered[rare]), float(ordered[values.size - 1 - rare])


def rare_of(size: int) -> int:
    """Return how many of `size` values may be outliers, at either end."""
    return max(int(RARE * size), min(FEW, size // 50))


def is_flat(pixels: Pixels) -> bool:
    """Return whether all pixels [height, width, channels] are one colour."""
    first = pixels[:1, :1]
    return bool((pixels[:1] == first).all()) and bool((pixels == first).all())


def _step_of(dtype: np.dtype[Any], value: float) -> float:
    """Return the width of a narrow range at `value`: 1 for integers, else a thousandth of it."""
    return 1.0 if dtype.kind != "f" else max(abs(value) / 1000, 1e-6)
