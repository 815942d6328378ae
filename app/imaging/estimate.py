"""Estimate the noise level of an image from what was removed and what is left."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.imaging.light import Light
from app.imaging.range import Range
from app.imaging.scale import Pixels, to_unit

Floats = NDArray[np.float32]

BLOCK = 16
"""Side of the blocks that are compared, in pixels."""

BLOCKS = 1 << 6
"""Blocks used for the estimate: more would take time and change nothing."""

CALM = 0.75
"""Share of the blocks, flattest first, in which the removed noise is measured."""

FLAT = 0.25
"""Share of the blocks, flattest first, in which noise can be told from the image."""

WHITE, ALIKE = 0.2, 0.4
"""Correlation of neighbours up to which noise counts as white, and from which on as a camera's."""

MISSED = 0.25
"""Energy of camera noise that is overlooked in texture, as a share of the removed energy.

This, LEFT and MOST_LEFT were found on fifteen pairs of camera images and on white noise;
`benchmarks.quality --pairs NOISY CLEAN`, and without pairs, prints the resulting errors.
"""

LEFT = 0.9
"""Share of the energy in the flattest blocks of a result that is noise, if it is a camera's."""

MOST_LEFT = 6.0
"""The most noise that is assumed to be left, as energy per unit removed: in a clean image, from
which next to nothing was removed, the flattest blocks contain fine texture of the image itself.
"""

NOISE_FOUND = 0.96
"""The share of white noise's standard deviation that a network removes in all but the busiest
parts; `benchmarks.quality` prints the resulting errors for photographs, scans and pairs.
"""


def estimate_sigma(
    noisy: Pixels, clean: Pixels, bounds: Range | Light | None = None, frames: int = 1
) -> float:
    """Estimate the standard deviation of the noise that turned `clean` into `noisy`, 0..1.

    Both are [height, width, channels], of one type and shape; `clean` is a network's result.
    `bounds` are the values that are 0 and 1, if they are not those of the type; `frames` is the
    number of frames one below the other. The result is an average over the image, whose noise may
    depend on brightness:

        sigma^2 = (1 + MISSED * a) * removed^2 + a * min(LEFT * left^2, MOST_LEFT * removed^2)

    `removed` is the standard deviation of noisy - clean over all but the busiest blocks, where a
    network may remove part of the image; `left` is that of the flattest blocks of `clean`. White
    noise is removed almost entirely, and what is left in flat places belongs to the image. Of noise
    with correlated neighbours, such as a camera's, the coarse part is mistaken for the image and
    stays. So `a`, 0..1, is the correlation of neighbours in what was removed, on the scale from
    WHITE to ALIKE.

    Blocks that are a single colour, noise included, such as those of a frame, were not noisy to
    begin with. Clipping at black and white hides part of the noise: `removed` is the sigma whose
    clipped noise has the measured energy.
    """
    before, after = (_blocks(each, bounds, frames) for each in (noisy, clean))
    live = (before != before[:, :1, :1, :1]).any(axis=(1, 2, 3))
    if not live.any():
        return 0.0
    before, after = before[live], after[live]
    activity = _activity(after)
    order = np.argsort(activity, kind="stable")
    calm, flat = (order[: math.ceil(share * len(order))] for share in (CALM, FLAT))
    found = before - after
    energies = np.einsum("nhwc,nhwc->n", found, found) / found[0].size
    removed = _unclipped(float(energies[calm].mean()), after[calm])
    alike = (_likeness(found[flat]) - WHITE) / (ALIKE - WHITE)
    alike = min(max(alike, 0.0), 1.0)
    left = min(LEFT * float(activity[flat].mean()), MOST_LEFT * removed**2)
    return min(math.sqrt((1 + MISSED * alike) * removed**2 + alike * left), 1.0)


def _blocks(pixels: Pixels, bounds: Range | Light | None, frames: int) -> Floats:
    """Return blocks [n, tall, wide, channels] in [0, 1], from all over; one for a tiny frame."""
    height, width, channels = pixels.shape[0] // frames, *pixels.shape[1:]
    tall, wide = min(BLOCK, height), min(BLOCK, width)
    down, across = height // tall, width // wide
    step = math.ceil(math.sqrt(frames * down * across / BLOCKS))
    whole = pixels.reshape(frames, height, width, channels)[:, : down * tall, : across * wide]
    grid = whole.reshape(frames, down, tall, across, wide, channels)[:, :, :, ::step]
    some = grid[np.divmod(np.arange(0, frames * down, step), down)].swapaxes(1, 2)
    blocks = some.reshape(-1, tall, wide, channels)
    return to_unit(blocks) if bounds is None else bounds.to_unit(blocks)


def _centred(blocks: Floats) -> Floats:
    """Return each block minus its mean colour."""
    pixels = blocks.shape[1] * blocks.shape[2]
    # A product with a vector: NumPy's mean over two axes takes ten times as long.
    mean = np.full(pixels, 1 / pixels, np.float32) @ blocks.reshape(len(blocks), pixels, -1)
    centred: Floats = blocks - mean[:, None, None]
    return centred


def _activity(blocks: Floats) -> Floats:
    """Return the variance [n] of each block about its mean colour."""
    centred = _centred(blocks).reshape(len(blocks), -1)
    activity: Floats = np.einsum("ni,ni->n", centred, centred) / centred.shape[1]
    return activity


def _likeness(blocks: Floats) -> float:
    """Return the correlation of neighbours in the blocks, across and down; 0 without noise."""
    centred = _centred(blocks)
    pairs = (
        (centred[:, :, 1:], centred[:, :, :-1]),
        (centred[:, 1:], centred[:, :-1]),
    )
    count = sum(one.size for one, _ in pairs)
    energy = float(np.mean(np.square(centred)))
    if not (count and energy):
        return 0.0
    return sum(float(np.vdot(one, other)) for one, other in pairs) / count / energy


def _unclipped(energy: float, clean: Floats) -> float:
    """Return the sigma of Gaussian noise that has this energy once added to `clean` and clipped."""
    some = clean[:, ::2, ::2]  # enough of smooth blocks to know how often each level occurs
    counts = np.bincount((some.ravel() * 255 + np.float32(0.5)).astype(np.intp), minlength=256)
    sigmas, energies = _clipped_energies()
    return float(np.interp(energy, energies @ (counts / some.size), sigmas))


@cache
def _clipped_energies() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sigmas from 0 to 1, and the energy of their clipped noise at each 8-bit level c.

    The energy is E[(clip(c + sigma z, 0, 1) - c)^2], z being N(0, 1), in an array [sigmas, 256].
    Between two of the sigmas, 3% apart, it is practically linear.
    """
    sigmas = np.geomspace(1e-3, 1.0, 256)[:, None]
    levels = np.arange(256) / 255
    low, high = -levels / sigmas, (1 - levels) / sigmas
    below, above = (1 + _erf(low / math.sqrt(2))) / 2, (1 - _erf(high / math.sqrt(2))) / 2
    tail = (high * np.exp(-(high**2) / 2) - low * np.exp(-(low**2) / 2)) / math.sqrt(2 * math.pi)
    inside = sigmas**2 * (1 - above - below - tail)
    energies = inside + levels**2 * below + (1 - levels) ** 2 * above
    return np.append(0.0, sigmas), np.vstack([np.zeros(256), energies])


_erf = np.vectorize(math.erf, otypes=[float])
