"""Apply a camera's own noise reduction and sharpening to noise."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from training.noise.colour import to_rgb, to_ycc
from training.noise.filters import COLUMNS, blur, box, deviation
from training.noise.random import Random
from training.noise.settings import Camera


def smoothed(residual: Any, random: Random, settings: Camera) -> Any:
    """Return the noise [n, h, w, 3] with luma and chroma smoothed separately and at random.

    Luma becomes a convex mix of itself, its blurs of 0.7 and 1.3 pixels, and one along rows; chroma
    one of itself, its blurs of 1 and 2.5 pixels, and one along rows, since real noise is correlated
    more along rows. Smoothing weakens noise; the share of this that is compensated is random, and
    so are a sharpening of luma and the gain of chroma, which is small for the share `low_chroma`,
    since many cameras remove nearly all of it, and log-uniform for the rest. For the share
    `coarse`, the parts of the mix have equal strength before they are weighted, and hardly any
    noise stays as fine as it was: neighbours are correlated by 0.5 to 0.7 in luma and 0.8 to 0.9 in
    chroma, as in the JPEGs of most cameras.
    """
    count = residual.shape[0]
    luma, chroma = to_ycc(residual)
    kept = random.uniform(count, (0.0, 1.0))
    lumas = [luma, blur(luma, 0.7), blur(luma, 1.3), box(luma, 3, COLUMNS)]
    chromas = [chroma, blur(chroma, 1.0), blur(chroma, 2.5), box(chroma, 5, COLUMNS)]
    coarse = random.chance(count, settings.coarse)
    luma, chroma = (_mix(versions, kept, coarse, random) for versions in (lumas, chromas))
    low, usual = random.uniform(count, (0.0, 0.3)), random.log_uniform(count, (0.3, 1.8))
    chroma = chroma * ops.where(random.chance(count, settings.low_chroma), low, usual)
    luma = luma + random.uniform(count, (0.0, 0.8)) * (luma - blur(luma, 1.0))
    return to_rgb(luma, chroma)


def _mix(versions: Sequence[Any], kept: Any, coarse: Any, random: Random) -> Any:
    """Return a random convex mix; if `kept` is 1, it is as strong as the first of its parts.

    If `coarse`, all parts are first scaled to the same strength, the first has an eighth of its
    usual weight, and the mix keeps 0.3 of its strength, rising to all of it with `kept`.
    """
    strengths = [deviation(version) for version in versions]
    weights = random.weights(versions[0].shape[0], len(versions))
    first = weights[..., :1] * ops.where(coarse, 0.125, 1.0)
    weights = ops.concatenate([first, weights[..., 1:]], axis=-1)
    weights = weights / ops.sum(weights, axis=-1, keepdims=True)
    mixed = sum(
        weights[..., i : i + 1] * version * ops.where(coarse, strengths[0] / strengths[i], 1.0)
        for i, version in enumerate(versions)
    )
    mixed = mixed * ops.power(strengths[0] / deviation(mixed), kept)
    return mixed * ops.where(coarse, 0.3 + 0.7 * kept, 1.0)
