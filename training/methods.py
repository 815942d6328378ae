"""Networks as denoising methods, to be compared with classical ones."""

from typing import Any

import numpy as np

from app.imaging.orientation import ENSEMBLES, EnsembleChoice, orient, orient_back
from training.anatomy import anatomy
from training.rivals import Image, Restore

LARGEST_STRIDE = 32
"""The largest stride of a network, a multiple of every other."""


def network_method(network: Any) -> Restore:
    """Return a network as a method that processes an image as a whole.

    It is first extended to a multiple of the network's stride, as in the service.
    """
    stride = anatomy(network).stride

    def restore(noisy: Image, sigma: float) -> Image:  # noqa: ARG001 - it is blind
        height, width, _ = noisy.shape
        extended = _extended(noisy, stride)
        result: Image = network.predict_on_batch(extended[None])[0, :height, :width]
        return result

    return restore


def ensemble_of(method: Restore, size: EnsembleChoice) -> Restore:
    """Return the method that averages the results of another over `size` orientations of an image.

    As in the service, the image is extended before it is turned, which keeps every pixel in the
    same phase of the network's stride.
    """

    def restore(noisy: Image, sigma: float) -> Image:
        height, width, _ = noisy.shape
        extended = _extended(noisy, LARGEST_STRIDE)
        found = [
            orient_back(method(orient(extended, orientation), sigma), orientation)
            for orientation in ENSEMBLES[size]
        ]
        mean: Image = np.mean(found, axis=0)[:height, :width]
        return mean

    return restore if size > 1 else method


def _extended(image: Image, multiple: int) -> Image:
    """Return the image with sides that are multiples, by reflection at the right and the bottom."""
    height, width, _ = image.shape
    return np.pad(image, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="reflect")
