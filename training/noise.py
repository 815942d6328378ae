"""Noise drawn inside the training graph, anew for every patch."""

from typing import Any

import keras
from keras import ops


class AddNoise(keras.layers.Layer):
    """Turns clean patches [n, h, w, 3] in [0, 1] into noisy ones while training; else the identity.

    Each patch draws its own sigma: with probability `high_share` from U(high), else from U(low),
    both on the 0..255 scale. A share `clipped` is clipped to [0, 1] and rounded to 8 bits, as
    pictures reach the service; the rest keeps the raw sum, as the published tables do. A grey
    patch gets one noise plane for its three channels, as a grey picture has; so does a share
    `shared` of the colour patches.
    """

    def __init__(
        self,
        low: tuple[float, float] = (0.0, 55.0),
        high: tuple[float, float] = (55.0, 115.0),
        high_share: float = 0.25,
        clipped: float = 0.7,
        shared: float = 0.05,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        # Noise needs float32 whatever the policy: bfloat16 cannot hold 8-bit levels.
        super().__init__(dtype="float32", **kwargs)
        self.low, self.high, self.high_share = low, high, high_share
        self.clipped, self.shared = clipped, shared
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, clean: Any, training: bool = False) -> Any:
        """Noisy patches of the same shape while `training`, else `clean` itself."""
        if not training:
            return clean
        shape = ops.shape(clean)
        independent = keras.random.normal(shape, seed=self.seed_generator)
        one_plane = keras.random.normal((*shape[:3], 1), seed=self.seed_generator)
        spread = ops.max(clean, axis=-1) - ops.min(clean, axis=-1)
        grey = ops.max(spread, axis=(1, 2)) < 1 / 512
        shared = ops.logical_or(grey[:, None, None, None], self._chance(shape[0], self.shared))
        noisy = clean + self._sigma(shape[0]) * ops.where(shared, one_plane, independent)
        rounded = ops.round(ops.clip(noisy, 0.0, 1.0) * 255.0) / 255.0
        return ops.where(self._chance(shape[0], self.clipped), rounded, noisy)

    def _sigma(self, count: Any) -> Any:
        low = keras.random.uniform((count, 1, 1, 1), *self.low, seed=self.seed_generator)
        high = keras.random.uniform((count, 1, 1, 1), *self.high, seed=self.seed_generator)
        return ops.where(self._chance(count, self.high_share), high, low) / 255.0

    def _chance(self, count: Any, probability: float) -> Any:
        return keras.random.uniform((count, 1, 1, 1), seed=self.seed_generator) < probability
