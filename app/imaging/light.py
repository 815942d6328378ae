"""Linear light, which is denoised in a perceptual encoding.

Networks know pictures as they are stored to be looked at. Where samples are in proportion to light,
as renderers, cameras and telescopes have them, most of what the eye tells apart lies in the lowest
tenth of the range, where a network sees next to nothing. Which pictures say that they are linear is
that of PNG (third edition, section 12.1 and 11.3.2) and of colour profiles (ICC.1, section 10).
"""

import struct
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.imaging import icc
from app.imaging.picture import Metadata
from app.imaging.range import Range
from app.imaging.scale import Pixels, precise

Floats = NDArray[np.float32]

Transfer = Literal["auto", "linear", "perceptual"]
"""What a caller may say of samples: that they are in proportion to light, that not, or neither."""

EXPONENT = 1 / 2.4
"""That of sRGB, IEC 61966-2-1."""

LEAST_TOE = 0.003
"""With it, the curve rises from black as that of sRGB does: 13 times as steep as the diagonal."""

TOE_OF_NOISE = 1.0
"""The toe in deviations of the noise in the shadows.

A steeper curve would make more of this noise than of anything else in the picture. It would bend
it, too: the mean of bent noise lies below what it was added to, and the shadows would darken.
"""

PAIRS = 1 << 20
"""Pairs of neighbours, at most, that the noise is found from."""

_GAMMA_ONE = range(95_000, 105_001)  # in PNG's units, of which 45,455 is the usual 1 / 2.2
_CICP_LINEAR = 8  # ITU-T H.273, table 3
_PRECEDENCE = (b"cICP", b"iCCP", b"sRGB", b"gAMA")


@dataclass(frozen=True, slots=True)
class Light:
    """How linear samples become what a network sees: by their range, then along a curve.

    With t the toe and p = 1 / 2.4, that is ((x + t)^p - t^p) / ((1 + t)^p - t^p) for x of 0..1.
    """

    range: Range
    toe: float = LEAST_TOE

    def to_unit(self, samples: Pixels) -> Floats:
        """Finite samples of any type on the curve's [0, 1]; those beyond the range are clipped."""
        unit = self.range.to_unit(samples)
        unit += np.float32(self.toe)
        np.power(unit, np.float32(EXPONENT), out=unit)
        unit -= np.float32(self._black)
        unit /= np.float32(self._height)
        return unit

    def from_unit(self, values: NDArray[np.floating[Any]], samples: Pixels) -> Pixels:
        """What became of `samples`, in their type, where `values` became of their `to_unit`."""
        light: NDArray[np.floating[Any]] = values.astype(precise(samples.dtype))
        light *= self._height
        light += self._black
        np.power(light, 1 / EXPONENT, out=light)
        light -= self.toe
        return self.range.from_unit(light, samples)

    @property
    def _black(self) -> float:
        return float(self.toe**EXPONENT)

    @property
    def _height(self) -> float:
        return float((1 + self.toe) ** EXPONENT) - self._black


def light_of(pixels: Pixels, bounds: Range) -> Light:
    """The curve for finite linear `pixels` [height, width, channels], by the noise in them."""
    return Light(bounds, max(LEAST_TOE, TOE_OF_NOISE * _noise_in_shadows(pixels, bounds)))


def says_linear(metadata: Metadata) -> bool:
    """Whether a picture's colour profile, or what PNG has beside it, says that it is linear."""
    said = {chunk[4:8]: chunk[8:-4] for chunk in metadata.colour}
    if metadata.icc is not None:
        said[b"iCCP"] = metadata.icc
    for name in _PRECEDENCE:
        if body := said.get(name):
            return _is_linear(name, body)
    return False


def _is_linear(name: bytes, body: bytes) -> bool:
    match name:
        case b"cICP":
            return len(body) == 4 and body[1] == _CICP_LINEAR
        case b"iCCP":
            return icc.is_linear(body)
        case b"gAMA":
            return len(body) == 4 and struct.unpack(">I", body)[0] in _GAMMA_ONE
    return False


def _noise_in_shadows(pixels: Pixels, bounds: Range) -> float:
    """The deviation, in units of the range, of white noise in the darker half of a picture.

    It is the median of the differences of neighbours, which edges do not sway.
    """
    rows = pixels.swapaxes(0, 1) if pixels.shape[1] < 2 else pixels
    if rows.shape[1] < 2:
        return 0.0
    step = -(-rows.size // PAIRS)
    unit = bounds.to_unit(rows[:: min(step, len(rows))])
    left, right = unit[:, :-1].ravel(), unit[:, 1:].ravel()
    sums = left + right
    dark = sums <= np.median(sums)
    return float(np.median(np.abs(left - right)[dark])) * 1.4826 / 2**0.5
