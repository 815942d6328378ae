"""Validate a network between epochs on held-out images."""

from typing import Any

import numpy as np
from keras import ops

from app.imaging.scale import to_unit
from training.data import Images
from training.experiment import Experiment
from training.losses import loss, psnr
from training.noise.layer import AddNoise
from training.patches import PAIR, Batch


class Validation:
    """Crops of held-out images with the noise of the experiment, the same throughout a run."""

    def __init__(self, folders: list[Images], experiment: Experiment) -> None:
        data = experiment.data
        self.batch = experiment.schedule.batch
        self.loss = loss(experiment.loss)
        crops = centres(folders, data.patch, data.validation)
        self.noisy, self.clean = self._with_noise(crops, experiment)

    def _with_noise(self, crops: list[Batch], experiment: Experiment) -> tuple[Batch, Batch]:
        """Return noisy crops [n, side, side, 3] and their targets; noise is added except to
        pairs.
        """
        noisy = [crop[..., 3:] for crop in crops if crop.shape[-1] == PAIR]
        targets = [crop[..., :3] for crop in crops if crop.shape[-1] == PAIR]
        alone = [crop for crop in crops if crop.shape[-1] != PAIR]
        if alone:
            drawn = experiment.noise.model_copy(update={"shot": None})
            more = AddNoise(drawn, seed=experiment.seed + 1)(np.array(alone))
            noisy += list(ops.convert_to_numpy(more[0]))
            targets += list(ops.convert_to_numpy(more[1]))
        return np.array(noisy), np.array(targets)

    def restore(self, network: Any) -> Batch:
        """Return the results of `network` for the noisy crops, clipped to [0, 1]."""
        batches = [
            network.predict_on_batch(self.noisy[i : i + self.batch])
            for i in range(0, len(self.noisy), self.batch)
        ]
        return np.concatenate(batches).clip(0.0, 1.0)

    def __call__(self, network: Any) -> dict[str, float]:
        """Return the loss and the PSNR of `network`; nothing if no image is held out."""
        if not len(self.clean):
            return {}
        restored = self.restore(network)
        return {
            "validation_loss": float(ops.mean(self.loss(self.clean, restored))),
            "validation_psnr": float(psnr(self.clean, restored)),
        }


def centres(folders: list[Images], side: int, most: int) -> list[Batch]:
    """Return the centres [side, side, 3 or 6] of at most `most` held-out images."""
    held_out = [copies[0] for folder in folders for copies in folder.held_out]
    count = min(most, len(held_out))
    crops = []
    for index in range(count):
        pixels = held_out[index * len(held_out) // count]
        top, left = ((length - side) // 2 for length in pixels.shape[:2])
        crops.append(to_unit(pixels[top : top + side, left : left + side]))
    return crops
