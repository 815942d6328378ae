"""Samples without information: under an alpha of 0, not finite, or marked as no data.

A network sees the neighbours of every pixel. So that hidden samples do not influence the others,
they are filled from the visible ones around them, by the push-pull pyramid of S. J. Gortler et al.,
"The lumigraph", SIGGRAPH 1996, section 3.4.
"""

from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.imaging.no_data import no_data
from app.imaging.scale import Mask, Pixels

Plane = NDArray[np.floating[Any]]


def hidden(pixels: Pixels, alpha: Pixels | None, stated: float | None = None) -> Mask | None:
    """Return which samples of `pixels` [height, width, channels] are hidden; None if none are.

    `stated` is the number of which all samples of a pixel consist that has no data.
    The mask has the shape of `pixels`, or one channel if all channels are hidden alike.
    """
    masks = []
    if alpha is not None:
        masks.append(~(alpha > 0)[..., None])  # an alpha that is NaN hides, too
    if pixels.dtype.kind == "f":
        masks.append(~np.isfinite(pixels))
    if stated is not None:
        masks.append((pixels == pixels.dtype.type(stated)).all(axis=2, keepdims=True))
    mask = _either(masks)
    if pixels.dtype != np.uint8:
        mask = _either([*([] if mask is None else [mask]), no_data(pixels, mask)])
    return mask


def _either(masks: list[Mask]) -> Mask | None:
    """Return the union of the masks; None if it is empty."""
    masks = [mask for mask in masks if mask.any()]
    if not masks:
        return None
    return reduce(np.logical_or, masks)


def with_data(before: Pixels, after: Pixels, stated: float) -> Pixels:
    """Return `after`, in which no pixel has become `stated`, the number for no data.

    Both are [height, width, channels] of one type. Such pixels get the next number instead.
    """
    kind = after.dtype.type
    lost = (after == kind(stated)).all(axis=2, keepdims=True)
    lost &= (before != kind(stated)).any(axis=2, keepdims=True)
    if not lost.any():
        return after
    if after.dtype.kind == "f":
        beside = np.nextafter(kind(stated), kind(0 if stated else 1))
    else:
        beside = kind(stated - 1 if stated == np.iinfo(after.dtype).max else stated + 1)
    return np.where(lost, beside, after)


def filled(pixels: Pixels, mask: Mask) -> Pixels:
    """Fill the samples of `pixels` under `mask` from the visible ones around them.

    The values of the masked samples do not matter. A channel without any visible sample becomes 0.
    """
    result = pixels.copy()
    small = pixels.dtype.kind != "f" and pixels.dtype.itemsize <= 2
    for channel in range(pixels.shape[2]):
        plane, holes = result[..., channel], mask[..., min(channel, mask.shape[2] - 1)]
        if holes.any():
            seen = plane[~holes]
            np.copyto(plane, 0, where=holes)  # NaN times a weight of 0 would be NaN
            found = _pulled(plane, ~holes, np.float32 if small else np.float64)
            if seen.size:  # rounding of the sums must not make a flat area uneven
                np.clip(found, seen.min(), seen.max(), out=found)
            if plane.dtype.kind != "f":
                np.rint(found, out=found)
            np.copyto(plane, found, where=holes, casting="unsafe")
    return result


def _pulled(plane: Pixels, known: Mask, kind: type[np.floating[Any]]) -> Plane:
    """Return the next coarser level of the pyramid for `plane` [height, width].

    `known` marks the samples that count; the others are 0.
    """
    height, width = plane.shape
    total = np.zeros(((height + 1) // 2, (width + 1) // 2), kind)
    weight = np.zeros(total.shape, kind)
    for down, right in product((0, 1), (0, 1)):
        counts = known[down::2, right::2]
        place = np.s_[: counts.shape[0], : counts.shape[1]]
        # a quarter of each: the sum of four of the largest floats would overflow
        total[place] += plane[down::2, right::2] * kind(0.25)
        weight[place] += counts * kind(0.25)
    coarse_known = weight > 0
    coarse: Plane = np.divide(total, weight, out=total, where=coarse_known)
    if coarse.size > 1 and not coarse_known.all():
        coarse = np.where(coarse_known, coarse, _pulled(coarse, coarse_known, kind))
    return _doubled(_doubled(coarse, 0), 1)[:height, :width]


def _doubled(plane: Plane, axis: int) -> Plane:
    """Double an axis, by linear interpolation between the centres of the samples."""
    source = np.moveaxis(plane, axis, 0)
    result = np.empty((2 * len(source), *source.shape[1:]), plane.dtype)
    quarter = source * plane.dtype.type(0.25)
    result[::2] = result[1::2] = source - quarter
    result[2::2] += quarter[:-1]
    result[1:-1:2] += quarter[1:]
    result[0] += quarter[0]
    result[-1] += quarter[-1]
    return np.moveaxis(result, 0, axis)
