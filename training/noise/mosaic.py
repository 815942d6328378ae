"""The RGGB colour filter array of a sensor, and demosaicing."""

from typing import Any

import numpy as np
from keras import ops

from app.imaging.noise.mosaic import ALONG_COLUMN, ALONG_ROW, DIAGONAL, GREEN, Kernel
from training.noise.filters import COLUMNS, ROWS, filter_along, kernel

CROSS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def mosaic(pixels: Any) -> Any:
    """Return the one colour of pixels [n, h, w, 3] that a sensor measures at each: [n, h, w, 1]."""
    return ops.sum(pixels * _sites(*pixels.shape[1:3]), axis=-1, keepdims=True)


def demosaic(measured: Any, bilinear: Any) -> Any:
    """Return three channels from a mosaic [n, h, w, 1], by Malvar's filters, or bilinearly where
    `bilinear` is true.

    (H. S. Malvar, L. He and R. Cutler, "High-quality linear interpolation for demosaicing of
    Bayer-patterned color images", ICASSP 2004.)
    """
    return ops.where(bilinear, _bilinear(measured), _malvar(measured))


def _malvar(measured: Any) -> Any:
    sites = _sites(*measured.shape[1:3])
    red, green, blue = (sites[..., i : i + 1] for i in range(3))
    even = ops.cast(ops.arange(measured.shape[1]) % 2 == 0, "float32")[None, :, None, None]
    green_by_red, green_by_blue = green * even, green * (1 - even)
    filtered = (_filtered(measured, k) for k in (GREEN, ALONG_ROW, ALONG_COLUMN, DIAGONAL))
    at_colour, across, down, diagonal = filtered
    return ops.concatenate(
        [
            red * measured + green_by_red * across + green_by_blue * down + blue * diagonal,
            green * measured + (red + blue) * at_colour,
            blue * measured + green_by_blue * across + green_by_red * down + red * diagonal,
        ],
        axis=-1,
    )


def _filtered(measured: Any, weights: Kernel) -> Any:
    return kernel(measured, {site: weight for weight, sites in weights for site in sites})


def _bilinear(measured: Any) -> Any:
    samples = measured * _sites(*measured.shape[1:3])
    tent = (0.5, 1.0, 0.5)
    both = filter_along(filter_along(samples, tent, ROWS), tent, COLUMNS)
    green = kernel(samples[..., 1:2], {(0, 0): 1.0, **dict.fromkeys(CROSS, 0.25)})
    return ops.concatenate([both[..., :1], green, both[..., 2:]], axis=-1)


def _sites(height: int, width: int) -> Any:
    """Return masks, 0 or 1, of where each colour is measured: [1, h, w, 3]."""
    y, x = np.mgrid[:height, :width] % 2
    sites = np.stack([(y == 0) & (x == 0), y != x, (y == 1) & (x == 1)], axis=-1)
    return ops.convert_to_tensor(sites[None].astype(np.float32))
