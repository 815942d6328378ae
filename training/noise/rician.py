"""Rician noise: Gaussian noise in both parts of a complex signal, as in MRI."""

from typing import Any

from keras import ops

from training.noise.random import Random


def magnitude(noisy: Any, sigma: Any, random: Random) -> Any:
    """Return sqrt(noisy^2 + (sigma * N(0, 1))^2), with one plane for all channels of a patch.

    `noisy` [n, h, w, 3] is the real part with its noise; sigma [n, 1, 1, 1] is that of both parts.
    (H. Gudbjartsson and S. Patz, "The Rician distribution of noisy MRI data", 1995.)
    """
    imaginary = sigma * random.plane(noisy)
    return ops.sqrt(ops.square(noisy) + ops.square(imaginary))
