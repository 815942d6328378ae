"""The options of denoising an image."""

from dataclasses import dataclass

from app.imaging.blend import FULL, Strength
from app.imaging.light import Transfer
from app.imaging.orientation import EnsembleChoice
from app.imaging.range import Choice
from app.imaging.stack import AxesChoice


@dataclass(frozen=True, slots=True)
class Correction:
    """How an image is to be denoised."""

    strength: Strength = FULL
    """The share of the network's correction that is applied."""
    range: Choice = "auto"
    """The values that the network sees as 0 and 1."""
    transfer: Transfer = "auto"
    """Whether the samples are linear, that is proportional to light."""
    axes: AxesChoice = "auto"
    """The axes along which a volume is cut into planes."""
    ensemble: EnsembleChoice = 1
    """The number of orientations in which the network sees the image."""


DEFAULT = Correction()
