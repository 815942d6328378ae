"""What a network is shown of a picture: samples that are finite and not hidden, in their range."""

from dataclasses import dataclass

import numpy as np

from app.imaging.hidden import Mask, filled, hidden
from app.imaging.picture import Picture
from app.imaging.range import Choice, Range, choose, is_flat
from app.imaging.scale import Pixels, white


@dataclass(frozen=True, slots=True)
class View:
    """The samples to work on, and what they were made of."""

    pixels: Pixels
    """[height, width, channels]; of one channel of colour where all of the picture's are equal.

    An extra channel is the last of them.
    """
    hidden: Mask | None
    """The samples that were filled from their neighbours, as `app.imaging.hidden` has it."""
    range: Range
    """The values that are 0 and 1 for the network."""
    is_flat: bool
    """Whether there is nothing to see but one colour, in other than 8 bits."""

    @property
    def bounds(self) -> Range | None:
        """The range to map by; None for that of types which networks take as they are."""
        taken = self.pixels.dtype in (np.uint8, np.uint16, np.float32)
        return None if taken and self.range == Range(0, white(self.pixels.dtype)) else self.range


def view_of(picture: Picture, choice: Choice = "auto") -> View:
    """The view of a picture in the range that is asked for."""
    pixels, extra = picture.pixels, picture.extra
    if extra is not None:
        pixels = np.dstack((pixels, extra))
    mask = hidden(pixels, picture.alpha)
    if mask is not None:
        pixels = filled(pixels, mask)
    colours = _distinct_channels(pixels[..., : picture.channels])
    pixels = np.dstack((colours, pixels[..., -1])) if extra is not None else colours
    chosen = choose(choice, pixels)
    return View(pixels, mask, chosen, pixels.dtype != np.uint8 and is_flat(pixels))


def _distinct_channels(pixels: Pixels) -> Pixels:
    """`pixels`, or their first channel where all are equal.

    A grey picture stored as colour would come back with a tint. A coloured one shows what it is
    within its first rows, so that this costs nothing.
    """
    bands = (pixels[top : top + 64] for top in range(0, len(pixels), 64))
    return pixels[..., :1] if all(map(_is_grey, bands)) else pixels


def _is_grey(pixels: Pixels) -> bool:
    return bool((pixels[..., 1:] == pixels[..., :1]).all())
