"""Classical methods as baselines; unlike the networks, they are given the noise level."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import from_unit, to_unit
from training.errors import TrainingError

Image = NDArray[np.float32]
"""[height, width, 3], on the [0, 1] scale"""

Restore = Callable[[Image, float], Image]
"""A method: from the noisy image, and its sigma on the [0, 1] scale, to the restored image."""


def rival(name: str) -> Restore:
    """Return the method of that name; raise TrainingError if it is unknown or not installed."""
    if name not in RIVALS:
        raise TrainingError(f"no method {name!r}; there is {', '.join(RIVALS)}")
    method, package, module = RIVALS[name]
    try:
        import_module(module)
    except ImportError as error:
        raise TrainingError(f"{name} needs {package}: pip install {package}") from error
    # Without noise, they return the image, even those that would divide by sigma.
    return lambda noisy, sigma: method(noisy, sigma) if sigma else noisy


def _noisy(noisy: Image, sigma: float) -> Image:  # noqa: ARG001
    return noisy


OPENCV_STRENGTH = 0.7
"""Strength of OpenCV's filter as a share of the noise's sigma. Of 0.4 to 1.6 it is the best, or
within 0.3 dB of it, on camera JPEGs, film grain, chroma noise and noise stored as JPEG; within
0.6 dB on white noise.
"""


def _opencv_nlm(noisy: Image, sigma: float) -> Image:
    """Apply non-local means (Buades et al., 2011), in 8 bits."""
    strength = OPENCV_STRENGTH * 255 * sigma
    restored = import_module("cv2").fastNlMeansDenoisingColored(
        from_unit(noisy, np.dtype(np.uint8)), None, strength, strength, 7, 21
    )
    return to_unit(restored)


def _skimage_nlm(noisy: Image, sigma: float) -> Image:
    """Apply non-local means, with the noise subtracted from the distances between patches."""
    restored: Image = _restoration().denoise_nl_means(
        noisy, patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma, channel_axis=-1
    )
    return restored


def _skimage_wavelet(noisy: Image, sigma: float) -> Image:
    """Apply BayesShrink (Chang et al., 2000) to luma and chroma."""
    restored: Image = _restoration().denoise_wavelet(
        noisy, sigma=sigma, convert2ycbcr=True, rescale_sigma=True, channel_axis=-1
    )
    return restored


def _skimage_tv(noisy: Image, sigma: float) -> Image:
    """Minimize total variation (Chambolle, 2004), weighted in proportion to the noise."""
    restored: Image = _restoration().denoise_tv_chambolle(noisy, weight=sigma, channel_axis=-1)
    return restored


def _bm3d(noisy: Image, sigma: float) -> Image:
    """Apply CBM3D (Dabov et al., 2007)."""
    restored: Image = import_module("bm3d").bm3d_rgb(noisy, sigma)
    return restored


def _restoration() -> Any:
    return import_module("skimage.restoration")


RIVALS: dict[str, tuple[Restore, str, str]] = {
    "noisy": (_noisy, "numpy", "numpy"),
    "nlm-opencv": (_opencv_nlm, "opencv-python-headless", "cv2"),
    "nlm-skimage": (_skimage_nlm, "scikit-image", "skimage"),
    "tv-skimage": (_skimage_tv, "scikit-image", "skimage"),
    "wavelet-skimage": (_skimage_wavelet, "PyWavelets", "pywt"),
    "bm3d": (_bm3d, "bm3d", "bm3d"),
}
"""The methods by name, each with the package that it needs and the module to import."""
