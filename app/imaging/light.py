"""Map linear light to a perceptual encoding, in which it is denoised.

Networks are trained on images that are encoded for viewing. In samples proportional to light, which
renderers, cameras and telescopes produce, most of what the eye can distinguish lies in the lowest
tenth of the range, where a network sees next to nothing. Images declare that they are linear by
chunks of PNG (third edition, sections 12.1 and 11.3.2) or by colour profiles (ICC.1, section 10).
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
"""Whether samples are linear, as the caller states; `auto` follows the file."""

EXPONENT = 1 / 2.4
"""Exponent of the sRGB curve, IEC 61966-2-1."""

LEAST_TOE = 0.003
"""The least toe, with which the curve rises from black like sRGB, 13 times as steep as the
diagonal.
"""

TOE_OF_NOISE = 1.0
"""The toe, in standard deviations of the noise in the shadows.

A steeper curve would amplify this noise beyond anything else in the image. It would also introduce
a bias, since the mean of distorted noise differs from the true value: shadows would darken.
"""

PAIRS = 1 << 20
"""The most pairs of neighbours from which the noise is estimated."""

_GAMMA_ONE = range(95_000, 105_001)  # in PNG's units, in which 45,455 is the usual 1 / 2.2
_CICP_LINEAR = 8  # ITU-T H.273, table 3
_PRECEDENCE = (b"cICP", b"iCCP", b"sRGB", b"gAMA")


@dataclass(frozen=True, slots=True)
class Light:
    """The mapping from linear samples to what a network sees: their range, then a curve.

    With t the toe and p = 1 / 2.4, that is ((x + t)^p - t^p) / ((1 + t)^p - t^p) for x of 0..1.
    """

    range: Range
    toe: float = LEAST_TOE

    def to_unit(self, samples: Pixels) -> Floats:
        """Map finite samples of any type to the curve's [0, 1]; clip those beyond the range."""
        unit = self.range.to_unit(samples)
        unit += np.float32(self.toe)
        np.power(unit, np.float32(EXPONENT), out=unit)
        unit -= np.float32(self._black)
        unit /= np.float32(self._height)
        return unit

    def from_unit(self, values: NDArray[np.floating[Any]], samples: Pixels) -> Pixels:
        """Map `values`, the results for `to_unit` of `samples`, back to the type of the samples."""
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
    """Return the curve for finite linear `pixels` [height, width, channels], given their noise."""
    return Light(bounds, max(LEAST_TOE, TOE_OF_NOISE * _noise_in_shadows(pixels, bounds)))


def says_linear(metadata: Metadata) -> bool:
    """Return whether a colour profile, or a PNG's chunks, declare the samples to be linear."""
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
    """Estimate the standard deviation, in units of the range, of white noise in the darker half.

    It is derived from the median difference of neighbours, which edges do not influence.
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
