"""The colour filter array of a sensor, and demosaicing."""

from collections.abc import Sequence

import numpy as np

from app.imaging.noise.plane import Plane

REACH = 2
"""Pixels that `demosaic` uses on each side, and that its result lacks."""

Site = tuple[int, int]
"""Row and column of a site in the mosaic's squares of 2 x 2."""

RED, GREEN_BY_RED, GREEN_BY_BLUE, BLUE = SITES = ((0, 0), (0, 1), (1, 0), (1, 1))

Kernel = Sequence[tuple[float, Sequence[Site]]]
"""Weights, each with the neighbours (rows down, columns to the right) that it applies to."""

_BESIDE, _ABOVE = ((0, -1), (0, 1)), ((-1, 0), (1, 0))
_FAR_BESIDE, _FAR_ABOVE = ((0, -2), (0, 2)), ((-2, 0), (2, 0))
_CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))

# Malvar, He and Cutler (2004), figure 2: bilinear, corrected by the gradient of the plane at hand.
GREEN: Kernel = (
    (4 / 8, [(0, 0)]),
    (2 / 8, [*_BESIDE, *_ABOVE]),
    (-1 / 8, [*_FAR_BESIDE, *_FAR_ABOVE]),
)
ALONG_ROW: Kernel = (
    (5 / 8, [(0, 0)]),
    (4 / 8, _BESIDE),
    (-1 / 8, [*_FAR_BESIDE, *_CORNERS]),
    (0.5 / 8, _FAR_ABOVE),
)
ALONG_COLUMN: Kernel = tuple(
    (weight, [(column, row) for row, column in neighbours]) for weight, neighbours in ALONG_ROW
)
DIAGONAL: Kernel = (
    (6 / 8, [(0, 0)]),
    (2 / 8, _CORNERS),
    (-1.5 / 8, [*_FAR_BESIDE, *_FAR_ABOVE]),
)

_MISSING: dict[Site, dict[int, Kernel]] = {
    RED: {1: GREEN, 2: DIAGONAL},
    GREEN_BY_RED: {0: ALONG_ROW, 2: ALONG_COLUMN},
    GREEN_BY_BLUE: {0: ALONG_COLUMN, 2: ALONG_ROW},
    BLUE: {0: DIAGONAL, 1: GREEN},
}
"""For each site, the channels that are not measured there, and their kernels."""


def mosaic(planes: Plane) -> Plane:
    """Return what an RGGB sensor measures of RGB planes [3, h, w]: [h, w], pixel 0, 0 being red."""
    raw: Plane = planes[1].copy()
    raw[::2, ::2] = planes[0, ::2, ::2]
    raw[1::2, 1::2] = planes[2, 1::2, 1::2]
    return raw


def demosaic(raw: Plane) -> Plane:
    """Return RGB planes [3, h - 4, w - 4] of an RGGB mosaic [h, w].

    By the filters of Malvar, He and Cutler (2004), "High-quality linear interpolation for
    demosaicing of Bayer-patterned color images".
    """
    height, width = raw.shape
    whole = np.pad(raw, ((0, height % 2), (0, width % 2)), "edge")
    sites = {(y, x): np.ascontiguousarray(whole[y::2, x::2]) for y, x in SITES}
    out = np.empty((3, whole.shape[0] - 2 * REACH, whole.shape[1] - 2 * REACH), np.float32)
    for y, x in SITES:
        for channel in range(3):
            kernel = _MISSING[y, x].get(channel, ((1.0, [(0, 0)]),))
            out[channel, y::2, x::2] = _filtered(sites, (y, x), kernel)
    return out[:, : height - 2 * REACH, : width - 2 * REACH]


def _filtered(sites: dict[Site, Plane], site: Site, kernel: Kernel) -> Plane:
    """Apply a kernel to the mosaic at all pixels of one site except the outermost."""
    parts = []
    for weight, neighbours in kernel:
        total = sum(_moved(sites, site[0] + down, site[1] + right) for down, right in neighbours)
        parts.append(np.float32(weight) * total)
    return np.asarray(sum(parts[1:], parts[0]))


def _moved(sites: dict[Site, Plane], y: int, x: int) -> Plane:
    """Return the pixels y rows and x columns off the top left of all squares but the outermost."""
    plane = sites[y % 2, x % 2]
    down, right = 1 + y // 2, 1 + x // 2
    height, width = plane.shape[0] - 2, plane.shape[1] - 2
    return plane[down : down + height, right : right + width]
