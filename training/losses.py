"""What training lowers. The two that Keras has go by its names."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from training.experiment import LossName

FLOOR = (0.5 / 255) ** 2
"""Mean squared error that is nearly as good as none, 54 dB: without it, patches that are easy, such
as the black frame of a scan, would count for more than those that are not.
"""


def negative_psnr(target: Any, output: Any) -> Any:
    """-PSNR in dB of each picture [n, h, w, c] in [0, 1], at most that of an error of FLOOR.

    A decibel counts the same at every noise level. L1 and L2 are sums over levels instead, and so
    learn mostly from the strongest noise. (L. Chen et al., "HINet", 2021, trains with it.)
    """
    squared = ops.mean(ops.square(output - target), axis=(1, 2, 3))
    return 10.0 * ops.log10(squared + FLOOR)


def loss(name: LossName) -> Callable[[Any, Any], Any]:
    """The loss function of that name: (target, output) to one value, or a value a picture."""
    chosen: Callable[[Any, Any], Any] = (
        negative_psnr if name == "negative_psnr" else keras.losses.get(name)
    )
    return chosen
