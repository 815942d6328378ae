"""Measure the difference of two images: RMSE, PSNR and SSIM, on the [0, 1] scale.

Images are [height, width, channels] of uint8, uint16, or float32 in [0, 1]; the two may differ in
type but not in shape (ValueError). They are processed in bands, so that memory stays bounded.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from app.imaging.range import robust
from app.imaging.scale import Pixels, is_plain, to_unit

Plane = NDArray[np.float64]

BAND_ROWS = 64
WINDOW_SIGMA = 1.5
WINDOW_RADIUS = 5


def comparable(reference: Pixels, image: Pixels) -> tuple[Pixels, Pixels]:
    """Convert two images of the same height and width, of any numbers, for the measures.

    Grey is repeated for each channel of the other image. If there are numbers beyond [0, 1], both
    are mapped from the range that the reference fills, and numbers that are not finite become 0.
    Images wider than high are transposed, since a band of rows of 65,500 columns would be large.
    """
    channels = max(reference.shape[2], image.shape[2])
    a, b = (np.broadcast_to(each, (*each.shape[:2], channels)) for each in (reference, image))
    if not (is_plain(a) and is_plain(b)):
        a, b = (np.where(np.isfinite(each), each, 0) for each in (a, b))
        bounds = robust(a)
        a, b = bounds.to_unit(a), bounds.to_unit(b)
    return (a, b) if a.shape[1] <= a.shape[0] else (a.swapaxes(0, 1), b.swapaxes(0, 1))


def rmse(reference: Pixels, image: Pixels) -> float:
    """Return the root-mean-square error, 0..1."""
    total = math.fsum(
        float(np.square(to_unit(a) - to_unit(b), dtype=np.float64).sum())
        for a, b in _bands(reference, image, 0)
    )
    return math.sqrt(total / reference.size)


def psnr(reference: Pixels, image: Pixels) -> float:
    """Return the peak signal-to-noise ratio in dB, -20 log10(RMSE); infinite for equal images."""
    error = rmse(reference, image)
    return math.inf if error == 0 else -20 * math.log10(error)


def ssim(reference: Pixels, image: Pixels) -> float:
    """Return the mean structural similarity, -1..1, averaged over the channels.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
    TIP 13(4), 2004: 11x11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, population
    covariance, windows that lie entirely inside the image. A side under 11 pixels is extended by
    reflection to 11.
    """
    reference, image = _at_least_a_window(reference), _at_least_a_window(image)
    total, count = 0.0, 0
    for a, b in _bands(reference, image, WINDOW_RADIUS):
        # The variance of flat bright windows, a difference of large squares, is lost in float32.
        index = _similarity(to_unit(a).astype(np.float64), to_unit(b).astype(np.float64))
        total += float(index.sum())
        count += index.size
    return max(-1.0, min(1.0, total / count))  # exceeded only by rounding


def _bands(a: Pixels, b: Pixels, halo: int) -> Iterator[tuple[Pixels, Pixels]]:
    """Yield bands of rows, each with `halo` more rows on both sides, within the image."""
    if a.shape != b.shape:
        raise ValueError(f"the images differ in shape: {a.shape} and {b.shape}")
    for top in range(halo, a.shape[0] - halo, BAND_ROWS):
        bottom = min(top + BAND_ROWS, a.shape[0] - halo)
        yield a[top - halo : bottom + halo], b[top - halo : bottom + halo]


def _at_least_a_window(pixels: Pixels) -> Pixels:
    missing = [max(0, 2 * WINDOW_RADIUS + 1 - side) for side in pixels.shape[:2]]
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")


def _similarity(a: Plane, b: Plane) -> Plane:
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    variance_a = _window_mean(a * a) - mean_a * mean_a
    variance_b = _window_mean(b * b) - mean_b * mean_b
    covariance = _window_mean(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a * mean_a + mean_b * mean_b + c1)
    index: Plane = luminance * (2 * covariance + c2) / (variance_a + variance_b + c2)
    return index


def _window_mean(plane: Plane) -> Plane:
    """Return the mean under the Gaussian window, at each place where the window fits."""
    offsets = np.arange(-WINDOW_RADIUS, WINDOW_RADIUS + 1)
    bell = np.exp(-0.5 * (offsets / WINDOW_SIGMA) ** 2)
    weights = bell / bell.sum()
    mean = plane
    for axis in (0, 1):
        length = mean.shape[axis] - 2 * WINDOW_RADIUS
        windows = np.moveaxis(mean, axis, 0)
        blurred: Plane = weights[0] * windows[:length]
        for shift, weight in enumerate(weights[1:], start=1):
            blurred += weight * windows[shift : shift + length]
        mean = np.moveaxis(blurred, 0, axis)
    return mean
