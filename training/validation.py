"""How well a network does, between epochs, on images it does not learn from."""

from typing import Any

import numpy as np
from keras import ops

from app.imaging.scale import to_unit
from training.data import Batch, Images
from training.experiment import Experiment
from training.losses import loss
from training.noise import AddNoise


def psnr(target: Any, output: Any) -> Any:
    """Mean PSNR in dB of the pictures of a batch, output clipped to [0, 1]."""
    squared = ops.mean(ops.square(ops.clip(output, 0.0, 1.0) - target), axis=(1, 2, 3))
    return ops.mean(-10.0 * ops.log10(squared + 1e-10))


class Validation:
    """Crops of held-out images, with noise of the experiment that stays the same all along."""

    def __init__(self, folders: list[Images], experiment: Experiment) -> None:
        data = experiment.data
        self.batch = experiment.schedule.batch
        self.loss = loss(experiment.loss)
        self.clean = centres(folders, data.patch, data.validation)
        add_noise = AddNoise(experiment.noise, side=data.patch, seed=experiment.seed + 1)
        self.noisy: Batch = self.clean
        if len(self.clean):
            self.noisy = np.array(ops.convert_to_numpy(add_noise(self.clean, training=True)))

    def restore(self, network: Any) -> Batch:
        """What `network` makes of the noisy crops, clipped to [0, 1]."""
        batches = [
            network.predict_on_batch(self.noisy[i : i + self.batch])
            for i in range(0, len(self.noisy), self.batch)
        ]
        return np.concatenate(batches).clip(0.0, 1.0)

    def __call__(self, network: Any) -> dict[str, float]:
        """Loss and PSNR of `network`; nothing if no image is held out."""
        if not len(self.clean):
            return {}
        restored = self.restore(network)
        return {
            "validation_loss": float(ops.mean(self.loss(self.clean, restored))),
            "validation_psnr": float(psnr(self.clean, restored)),
        }


def centres(folders: list[Images], side: int, most: int) -> Batch:
    """The centres [n, side, side, 3] of at most so many held-out images, spread over all."""
    held_out = [copies[0] for folder in folders for copies in folder.held_out]
    count = min(most, len(held_out))
    crops = np.empty((count, side, side, 3), np.float32)
    for index in range(count):
        pixels = held_out[index * len(held_out) // count]
        top, left = ((length - side) // 2 for length in pixels.shape[:2])
        crops[index] = to_unit(pixels[top : top + side, left : left + side])
    return crops
