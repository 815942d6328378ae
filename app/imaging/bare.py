"""Areas without noise in a noisy image: margins, cut-outs, hidden pixels, missing data.

A network takes such an area as a sign that there is no noise nearby either, and leaves noise that
it would otherwise remove. So, for the network, the area is filled with the image's own noise:
residuals of the calmest blocks of the image, which contain noise and little else.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.imaging.range import Range
from app.imaging.scale import Mask, Pixels, precise, to_type

BLOCK = 16
"""Side of the blocks in pixels: a camera's noise is correlated over a few of them."""

BLOCKS = 1 << 10
"""The most blocks of an image that are examined; more would take time and change little."""

CALM = (0.02, 0.1)
"""The blocks whose noise is used, by rank of their activity, as shares of all blocks: calmer ones
may be clipped, and others contain details of the image.
"""

SHARE = 0.6
"""The strength at which this noise is added: enough for a network to notice in a noisy image, yet
little in a clean one, whose calmest blocks are texture.
"""

EQUAL = 0.5
"""Share of equal neighbours above which a block counts as drawn, not noisy."""

GREATEST = 1e100
"""Images with larger numbers are left alone, since their squares may be infinite."""

Floats = NDArray[np.floating[Any]]


class Bare(NamedTuple):
    """An area without noise in a noisy image."""

    area: Mask
    """[height, width]"""
    noise: Floats
    """Blocks of noise from the rest of the image, [n, BLOCK, BLOCK, channels]."""


def find_bare(pixels: Pixels, flat: Mask | None, hidden: Mask | None) -> Bare | None:
    """Find the area without noise in `pixels` [height, width, channels].

    It consists of the `flat` area [height, width] and the pixels that `hidden` [height, width,
    channels] marks, which have been filled from their surroundings. Returns None if there is no
    such area, or if the rest has no noise either.
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
    """Return a copy of `pixels` with their own noise added to the bare area, within `bounds`."""
    result = pixels.copy()
    width, order = pixels.shape[1], np.random.default_rng(0)
    for top in range(0, len(pixels), BLOCK):
        here = bare.area[top : top + BLOCK]
        chosen = order.integers(len(bare.noise), size=-(-width // BLOCK))  # no pattern
        if here.any():
            band = result[top : top + BLOCK]
            laid = np.concatenate(bare.noise[chosen], axis=1)[: len(band), :width][here]
            band[here] = to_type(np.clip(band[here] + laid, bounds.low, bounds.high), band.dtype)
    return result


def _noise(pixels: Pixels, area: Mask) -> Floats | None:
    """Return blocks of noise [n, BLOCK, BLOCK, channels]; None for a drawn or clean image.

    At least half of the blocks must be noisy: around drawings, a network has to see clean areas.
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
    """Return blocks [n, BLOCK, BLOCK, channels] from all over the image; none if it is smaller."""
    down, across = pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK
    grid = pixels[: down * BLOCK, : across * BLOCK]
    grid = grid.reshape(down, BLOCK, across, BLOCK, pixels.shape[2]).swapaxes(1, 2)
    step = max(1, round((down * across / BLOCKS) ** 0.5))
    return grid[::step, ::step].reshape(-1, BLOCK, BLOCK, pixels.shape[2])


def _residuals(blocks: Floats) -> Floats:
    """Return each block minus the plane that fits it best, by least squares."""
    ramp = np.linspace(-1, 1, BLOCK, dtype=blocks.dtype)
    one = np.ones(BLOCK, blocks.dtype)
    planes = np.stack([np.outer(one, one), np.outer(ramp, one), np.outer(one, ramp)])
    planes /= np.sqrt(np.square(planes).sum(axis=(1, 2), keepdims=True))
    parts = np.einsum("pij,nijc->npc", planes, blocks)
    residuals: Floats = blocks - np.einsum("pij,npc->nijc", planes, parts)
    return residuals
