"""The losses that training minimizes. Keras's own have their Keras names."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from training.experiment import LossName
from training.teachers import closer

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


def psnr(target: Any, output: Any) -> Any:
    """Mean PSNR in dB of the pictures of a batch, output clipped to [0, 1]."""
    squared = ops.mean(ops.square(ops.clip(output, 0.0, 1.0) - target), axis=(1, 2, 3))
    return ops.mean(-10.0 * ops.log10(squared + 1e-10))


def loss(name: LossName) -> Callable[[Any, Any], Any]:
    """Return the loss function of that name: (target, output) to one value, or a value an image."""
    chosen: Callable[[Any, Any], Any] = (
        negative_psnr if name == "negative_psnr" else keras.losses.get(name)
    )
    return chosen


@dataclass(frozen=True)
class Objective:
    """The loss and the metric of a model that draws its own noise, and so defines its own targets.

    Its outputs are [n, h, w, 6 or 9]: the restored patches, what they should be, and, where there
    are any, what the teachers make of the same noisy patches. `share` is that of the distance from
    the teachers in the loss, but for patches that the network restores better than they do.
    """

    name: LossName
    share: float = 0.0

    def loss(self, _: Any, outputs: Any) -> Any:
        """Return what training lowers, a value a patch."""
        restored, target, taught = outputs[..., :3], outputs[..., 3:6], outputs[..., 6:]
        measure = loss(self.name)
        from_target = measure(target, restored)
        if not self.share:
            return from_target
        both = (1 - self.share) * from_target + self.share * measure(taught, restored)
        better = closer(target, taught, restored)
        shape = (-1, *(1 for _ in from_target.shape[1:]))  # losses have a value a patch or a pixel
        return ops.where(ops.reshape(better, shape), both, from_target)

    def psnr(self, _: Any, outputs: Any) -> Any:
        """Mean PSNR in dB of the restored patches."""
        return psnr(outputs[..., 3:6], outputs[..., :3])
