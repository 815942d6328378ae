"""A denoised image: the result of a model, and what it says about the noise."""

from dataclasses import dataclass
from importlib.metadata import version

from app.imaging.light import Transfer
from app.imaging.picture import Picture, described
from app.imaging.range import Range
from app.imaging.scale import Pixels
from app.imaging.view import View, corrected, noise_found
from app.inference.card import ModelCard
from app.inference.correction import Correction
from app.inference.job import Timing

VERSION = version("denoiser")


@dataclass(frozen=True)
class Denoised:
    """A denoised image, its original, and how long denoising took."""

    original: Picture
    view: View
    """What the network saw of it."""
    restored: Pixels
    """The network's result, with the channels of the view."""
    correction: Correction
    """The options that it was denoised with."""
    timing: Timing
    card: ModelCard
    """The card of the model that was used."""

    @property
    def picture(self) -> Picture:
        """The original with the requested share of the correction applied."""
        strength = self.correction.strength
        found = corrected(self.original, self.view, self.restored, strength)
        return described(found, self.made)

    @property
    def made(self) -> str:
        """What was done, as a sentence for the metadata."""
        card, asked = self.card, self.correction
        luma, chroma = asked.strength.luma, asked.strength.chroma
        colour = f", of colour {chroma:g}" if chroma != luma else ""
        model = f"model {card.name} ({card.sha256[:12]})"
        many = f", ensemble of {asked.ensemble}" if asked.ensemble > 1 else ""
        return f"Noise removed by Denoiser {VERSION}, {model}, strength {luma:g}{colour}{many}."

    @property
    def range(self) -> Range:
        """The values, as stored, that the network saw as 0 and 1."""
        return self.view.range.negative(self.original.metadata.negative)

    @property
    def transfer(self) -> Transfer:
        """Whether the samples were treated as linear."""
        return self.view.transfer

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise found, in units of the network's input, 0..1.

        Computing it takes some milliseconds.
        """
        return noise_found(self.view, self.restored)
