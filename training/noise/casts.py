"""The colour casts that clipping and tone curves make of noise."""

from typing import Any

from keras import ops

from training.casts import SIDE


def local_mean(residual: Any) -> Any:
    """Return the residual [n, h, w, c] averaged over squares and interpolated back to its size.

    Noise that is clipped at black, or distorted by a tone curve, has a nonzero mean: up to two
    levels of blue in shadows. A network whose targets lack it learns to guess casts, and shifts
    colours.
    """
    count, height, width, channels = residual.shape
    down, across = height // SIDE, width // SIDE
    squares = ops.reshape(residual, (count, down, SIDE, across, SIDE, channels))
    means = ops.mean(squares, axis=(2, 4))
    return ops.image.resize(
        means, (height, width), interpolation="bilinear", data_format="channels_last"
    )
