"""A layer of the trained model that adds noise: from clean patches to noisy ones and targets."""

from typing import Any

import keras
from keras import ops

from training.noise.camera import camera
from training.noise.random import Random
from training.noise.settings import Noise
from training.noise.white import white


class AddNoise(keras.layers.Layer):
    """Turn patches in [0, 1] into noisy ones and the targets of a network, both [n, h, w, 3].

    Patches are clean, [n, h, w, 3], or pairs, [n, h, w, 6], the clean shot followed by the noisy
    one. A batch contains the families of `noise` in order, with as many patches of each as
    `noise.counts` says; with several families, its size must be known.
    """

    def __init__(self, noise: Noise, *, seed: int, count: int | None = None) -> None:
        """Take `count`, the size of the batches, if their shape does not tell it."""
        # Noise needs float32 whatever the policy: bfloat16 cannot represent 8-bit levels.
        super().__init__(dtype="float32")
        self.noise, self.count = noise, count
        self.random = Random(seed)
        self.seed_generator = self.random.generator  # kept among the layer's variables

    def call(self, patches: Any) -> tuple[Any, Any]:
        """Return the noisy patches and their targets, both float32."""
        families = self.noise.families
        if self.count:  # not known from the shapes of a data set
            patches = ops.reshape(patches, (self.count, *patches.shape[1:]))
        if len(families) == 1:
            return self._draw(*families.copy().popitem(), patches)
        noisy, targets, first = [], [], 0
        for name, count in self.noise.counts(patches.shape[0]).items():
            if count:
                drawn = self._draw(name, families[name], patches[first : first + count])
                noisy.append(drawn[0])
                targets.append(drawn[1])
            first += count
        return ops.concatenate(noisy), ops.concatenate(targets)

    def _draw(self, name: str, settings: Any, patches: Any) -> tuple[Any, Any]:
        clean = patches[..., :3]
        if name == "white":
            return white(clean, self.random, settings), clean
        if name == "camera":
            return camera(clean, self.random, settings)
        return patches[..., 3:], clean
