"""What is asked of a model for an image."""

from dataclasses import dataclass

from app.imaging.blend import FULL, Strength
from app.imaging.light import Transfer
from app.imaging.orientation import EnsembleChoice
from app.imaging.range import Choice
from app.imaging.stack import AxesChoice


@dataclass(frozen=True, slots=True)
class Correction:
    """How an image is denoised."""

    strength: Strength = FULL
    """The share of the network's correction that is applied."""
    range: Choice = "auto"
    """The values that are 0 and 1 for the network."""
    transfer: Transfer = "auto"
    """Whether the samples are linear."""
    axes: AxesChoice = "auto"
    """The axes along which a volume is cut."""
    ensemble: EnsembleChoice = 1
    """In how many orientations the network sees the image."""


DEFAULT = Correction()
