"""Areas that bear no noise in an image that does: margins, cut-outs, what is hidden or has no data.

A network takes such an area for a sign that there is no noise anywhere near it, and leaves noise
that it would remove without the area. So the area is given the image's own noise for the network
to see: residuals of the image's calmest blocks, where there is noise and little else.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.imaging.range import Range
from app.imaging.scale import Mask, Pixels, precise, to_type

BLOCK = 16
"""Side of the blocks in pixels: a camera's noise is correlated over a few of them."""

BLOCKS = 1 << 10
"""Blocks of an image that are looked at; more would take time and change little."""

CALM = (0.02, 0.1)
"""The blocks whose noise is taken, in the order of their activity, as shares of all: the calmest
may be clipped, and the others contain details of the image.
"""

SHARE = 0.6
"""How much of that noise is laid: enough for a network to notice, where an image is noisy, and
little where it is clean and its calmest blocks are texture.
"""

EQUAL = 0.5
"""Share of equal neighbours in a block from which on it is drawn, and not noisy."""

GREATEST = 1e100
"""Images with larger numbers are left as they are: the squares of these may be infinite."""

Floats = NDArray[np.floating[Any]]


class Bare(NamedTuple):
    """An area without noise, in an image with noise."""

    area: Mask
    """[height, width]"""
    noise: Floats
    """Blocks of the image's noise [n, BLOCK, BLOCK, channels], which has no bearing on the area."""


def find_bare(pixels: Pixels, flat: Mask | None, hidden: Mask | None) -> Bare | None:
    """Find what bears no noise in `pixels` [height, width, channels], where the rest does.

    That is the `flat` area [height, width], and what `hidden` [height, width, channels] marks,
    already filled from its surroundings. None where there is neither, or no noise.
    """
    found = (flat, None if hidden is None else hidden.all(axis=-1))
    areas = [each for each in found if each is not None]
    if not any(each.any() for each in areas):
        return None
    if max(-float(pixels.min()), float(pixels.max())) > GREATEST:
        return None
    area = np.logical_or.reduce(areas)
    noise = _noise(pixels, area)
    return None if noise is None else Bare(area, noise)


def grained(pixels: Pixels, bare: Bare, bounds: Range) -> Pixels:
    """Return a copy of `pixels` with their own noise over the area without, within `bounds`."""
    result = pixels.copy()
    width, order = pixels.shape[1], np.random.default_rng(0)
    for top in range(0, len(pixels), BLOCK):
        here = bare.area[top : top + BLOCK]
        chosen = order.integers(len(bare.noise), size=-(-width // BLOCK))  # without a pattern
        if here.any():
            band = result[top : top + BLOCK]
            laid = np.concatenate(bare.noise[chosen], axis=1)[: len(band), :width][here]
            band[here] = to_type(np.clip(band[here] + laid, bounds.low, bounds.high), band.dtype)
    return result


def _noise(pixels: Pixels, area: Mask) -> Floats | None:
    """Return blocks of noise [n, BLOCK, BLOCK, channels]; None for an image that is drawn or clean.

    Most blocks must be noisy: beside drawings, a network has to see that they are clean.
    """
    blocks = _blocks(pixels)[~_blocks(area[..., None]).any(axis=(1, 2, 3))]
    blocks = blocks[(blocks != blocks[:, :1, :1]).any(axis=(1, 2, 3))]
    equal = (blocks[:, :, 1:] == blocks[:, :, :-1]).all(axis=-1).mean(axis=(1, 2))
    noisy = blocks[equal <= EQUAL]
    if not len(noisy) or len(noisy) < len(blocks) / 2:
        return None
    residuals = SHARE * _residuals(noisy.astype(precise(pixels.dtype)))
    order = np.argsort(np.square(residuals).mean(axis=(1, 2, 3)), kind="stable")
    low, high = (int(share * len(order)) for share in CALM)
    return residuals[order[low : max(high, low + 1)]]


def _blocks(pixels: Pixels) -> Pixels:
    """Return blocks [n, BLOCK, BLOCK, channels] from all over; none of an image that is smaller."""
    down, across = pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK
    grid = pixels[: down * BLOCK, : across * BLOCK]
    grid = grid.reshape(down, BLOCK, across, BLOCK, pixels.shape[2]).swapaxes(1, 2)
    step = max(1, round((down * across / BLOCKS) ** 0.5))
    return grid[::step, ::step].reshape(-1, BLOCK, BLOCK, pixels.shape[2])


def _residuals(blocks: Floats) -> Floats:
    """Return what is left of each block once its plane of least squares is taken off."""
    ramp = np.linspace(-1, 1, BLOCK, dtype=blocks.dtype)
    one = np.ones(BLOCK, blocks.dtype)
    planes = np.stack([np.outer(one, one), np.outer(ramp, one), np.outer(one, ramp)])
    planes /= np.sqrt(np.square(planes).sum(axis=(1, 2), keepdims=True))
    parts = np.einsum("pij,nijc->npc", planes, blocks)
    residuals: Floats = blocks - np.einsum("pij,npc->nijc", planes, parts)
    return residuals
