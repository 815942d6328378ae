"""The view of an image that a network sees, and how its result is merged into the image.

The network sees finite, visible samples in their range.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from app.imaging.bare import Bare, find_bare, grained
from app.imaging.blend import Strength, blend
from app.imaging.estimate import NOISE_FOUND, estimate_sigma
from app.imaging.flat import flat_area
from app.imaging.hidden import filled, hidden, with_data
from app.imaging.light import Light, Transfer, light_of
from app.imaging.picture import Picture
from app.imaging.range import Choice, Range, choose, is_flat
from app.imaging.scale import Mask, Pixels, is_plain, white
from app.imaging.stack import Stack

Bounds = Range | Light
"""The mapping from samples to the input of a network, and from its result to samples."""


@dataclass(frozen=True, slots=True)
class View:
    """The samples to process, and how they relate to the image."""

    pixels: Pixels
    """[height, width, channels], with one colour channel if all of the image's are equal.

    An extra channel is the last.
    """
    hidden: Mask | None
    """The samples that were filled from their neighbours, as in `app.imaging.hidden`."""
    range: Range
    """The values that the network sees as 0 and 1; of several channels, the widest range."""
    stack: Stack
    """The arrangement of the frames, one below the other."""
    is_flat: bool
    """Whether all pixels are one colour, of another type than uint8."""
    flat: Mask | None = None
    """The pixels in flat areas [height, width], which stay as they are."""
    light: Light | None = None
    """The curve through which the network sees linear samples."""
    bare: Bare | None = None
    """The area without noise, if the rest has noise."""
    channels: tuple[Bounds, ...] = ()
    """The mapping of each channel, if frames belong to several with ranges of their own."""

    def given(self) -> Pixels:
        """Return the input of the network: `pixels`, with their own noise added to the bare
        area.
        """
        return self.pixels if self.bare is None else grained(self.pixels, self.bare, self.range)

    @property
    def transfer(self) -> Transfer:
        """Whether the samples were treated as linear."""
        return "perceptual" if self.light is None else "linear"

    @property
    def bounds(self) -> Bounds | None:
        """The mapping; None for samples that networks take as they are, of a supported type and in
        its range.
        """
        if self.light is not None:
            return self.light
        taken = self.pixels.dtype in (np.uint8, np.uint16, np.float32)
        is_own = taken and self.range == Range(0, white(self.pixels.dtype))
        return None if is_own and is_plain(self.pixels) else self.range


def view_of(picture: Picture, choice: Choice = "auto", transfer: Transfer = "auto") -> View:
    """Return the view of an image in the requested range and light."""
    pixels, extra = picture.pixels, picture.extra
    if extra is not None:
        pixels = np.dstack((pixels, extra))
    mask = hidden(pixels, picture.alpha, picture.metadata.no_data)
    if mask is not None:
        pixels = _filled(pixels, mask, picture.stack.frames)
    colours = _distinct_channels(pixels[..., : picture.channels])
    pixels = np.dstack((colours, pixels[..., -1])) if extra is not None else colours
    if isinstance(choice, Range):
        choice = choice.negative(picture.metadata.negative)
    chosen = choose(choice, pixels)
    one_colour = pixels.dtype != np.uint8 and is_flat(pixels)
    linear = picture.metadata.linear if transfer == "auto" else transfer == "linear"
    light = light_of(pixels, chosen) if linear else None
    flat = None if one_colour else flat_area(pixels)
    stack, channels = picture.stack, tuple[Bounds, ...]()
    if stack.channels > 1 and choice == "auto" and pixels.dtype != np.uint8:
        parts = [_of_channel(pixels, stack, number) for number in range(stack.channels)]
        ranges = [choose(choice, part) for part in parts]
        chosen = max(ranges, key=lambda each: each.span)
        channels = tuple(map(light_of, parts, ranges) if linear else ranges)
    bare = None if one_colour or channels else find_bare(pixels, flat, mask)
    return View(pixels, mask, chosen, stack, one_colour, flat, light, bare, channels)


def corrected(original: Picture, view: View, restored: Pixels, strength: Strength) -> Picture:
    """Apply the share `strength` of the network's correction to `original`.

    `restored` is the result of the network, with the channels of the view. Hidden samples, samples
    that are not finite, and flat areas stay unchanged. No other pixel becomes the number that the
    image states for no data.
    """

    def mixed(pixels: Pixels, channels: Any) -> Pixels:
        """Return `pixels` with the correction of these channels of the view."""
        shown, mask = view.pixels[channels], view.hidden
        if is_flat(shown):
            return pixels
        if mask is not None and mask.shape[2] > 1:  # otherwise it is that of every channel
            mask = mask[channels]
        # a NaN would make the luma of its pixel NaN, too
        source = pixels if mask is None else np.broadcast_to(shown, pixels.shape)
        moved = blend(source, restored[channels], strength)
        if mask is not None:
            moved = np.where(mask, pixels, moved)
        if view.flat is not None:
            moved = np.where(view.flat[..., None], pixels, moved)
        stated = original.metadata.no_data
        return moved if stated is None else with_data(pixels, moved, stated)

    if original.extra is None:
        return replace(original, pixels=mixed(original.pixels, np.s_[...]))
    extra = mixed(original.extra[..., None], np.s_[..., -1:])
    return replace(
        original,
        pixels=mixed(original.pixels, np.s_[..., :-1]),
        extra=np.ascontiguousarray(extra[..., 0]),
    )


def noise_found(view: View, restored: Pixels) -> float:
    """Return the standard deviation of the noise found, in units of the network's input, 0..1.

    It takes some milliseconds.
    """
    if is_flat(view.pixels):
        return 0.0
    stack = view.stack
    if not view.channels:
        sigma = estimate_sigma(view.pixels, restored, view.bounds, frames=stack.frames)
        return min(sigma / NOISE_FOUND, 1.0)
    frames, energy = stack.frames // stack.channels, 0.0
    for number, bounds in enumerate(view.channels):
        noisy, clean = (_of_channel(each, stack, number) for each in (view.pixels, restored))
        energy += estimate_sigma(noisy, clean, bounds, frames) ** 2 / stack.channels
    return min(math.sqrt(energy) / NOISE_FOUND, 1.0)


def _filled(pixels: Pixels, mask: Mask, frames: int) -> Pixels:
    """Fill hidden samples of each frame from those seen in it."""
    if frames == 1:
        return filled(pixels, mask)
    parts = zip(np.split(pixels, frames), np.split(mask, frames), strict=True)
    return np.concatenate([filled(*part) if part[1].any() else part[0] for part in parts])


def _of_channel(pixels: Pixels, stack: Stack, number: int) -> Pixels:
    """Return the frames of a channel, one below the other."""
    height, *rest = len(pixels) // stack.frames, *pixels.shape[1:]
    turns = pixels.reshape(-1, stack.channels, stack.run * height, *rest)
    return turns[:, number].reshape(-1, *rest)


def _distinct_channels(pixels: Pixels) -> Pixels:
    """Return `pixels`, or their first channel if all are equal.

    Otherwise, a grey image stored as colour would come back with a tint. In colour images, channels
    differ in the first row, so that this costs nothing.
    """
    tops = (0, *range(1, len(pixels), 64))
    bands = (pixels[top:end] for top, end in pairwise((*tops, len(pixels))))
    return pixels[..., :1] if all(map(_is_grey, bands)) else pixels


def _is_grey(pixels: Pixels) -> bool:
    return bool((pixels[..., 1:] == pixels[..., :1]).all())
