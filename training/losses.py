"""The losses that training minimizes; those of Keras have their Keras names."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from training.experiment import LossName
from training.teachers import closer

FLOOR = (0.5 / 255) ** 2
"""Mean squared error that is added to all (54 dB): without it, easy patches, such as the black
frame of a scan, would count for more than difficult ones.
"""


def negative_psnr(target: Any, output: Any) -> Any:
    """Return -PSNR in dB of each image [n, h, w, c] in [0, 1], at least that of an error of FLOOR.

    A decibel counts the same at every noise level, whereas L1 and L2 learn mostly from the
    strongest noise. (L. Chen et al., "HINet", 2021, trains with this loss.)
    """
    squared = ops.mean(ops.square(output - target), axis=(1, 2, 3))
    return 10.0 * ops.log10(squared + FLOOR)


def psnr(target: Any, output: Any) -> Any:
    """Return the mean PSNR in dB of the images of a batch, whose output is clipped to [0, 1]."""
    squared = ops.mean(ops.square(ops.clip(output, 0.0, 1.0) - target), axis=(1, 2, 3))
    return ops.mean(-10.0 * ops.log10(squared + 1e-10))


def loss(name: LossName) -> Callable[[Any, Any], Any]:
    """Return the loss function of that name, from (target, output) to a value, or one per image."""
    chosen: Callable[[Any, Any], Any] = (
        negative_psnr if name == "negative_psnr" else keras.losses.get(name)
    )
    return chosen


@dataclass(frozen=True)
class Objective:
    """The loss and the metric of a model that draws its own noise, and hence defines its targets.

    The outputs of the model are [n, h, w, 6 or 9]: the restored patches, the targets and, if there
    are teachers, their results for the same noisy patches. `share` is the share of the distance
    from the teachers in the loss, except for patches that the network restores better than they.
    """

    name: LossName
    share: float = 0.0

    def loss(self, _: Any, outputs: Any) -> Any:
        """Return the loss of each patch."""
        restored, target, taught = outputs[..., :3], outputs[..., 3:6], outputs[..., 6:]
        measure = loss(self.name)
        from_target = measure(target, restored)
        if not self.share:
            return from_target
        both = (1 - self.share) * from_target + self.share * measure(taught, restored)
        better = closer(target, taught, restored)
        shape = (-1, *(1 for _ in from_target.shape[1:]))  # one value per patch or per pixel
        return ops.where(ops.reshape(better, shape), both, from_target)

    def psnr(self, _: Any, outputs: Any) -> Any:
        """Return the mean PSNR in dB of the restored patches."""
        return psnr(outputs[..., 3:6], outputs[..., :3])
