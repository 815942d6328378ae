"""Noise drawn inside the training graph, anew for every patch."""

from typing import Any

import keras
import numpy as np
from keras import ops

from training.experiment import Noise


class AddNoise(keras.layers.Layer):
    """Turns clean patches [n, h, w, 3] in [0, 1] into noisy ones while training; else the identity.

    Each patch draws its own sigma: with probability `high_share` from U(high), else from U(low),
    both on the 0..255 scale; but a share `clean_share` has none. A share `clipped` is clipped to
    [0, 1] and rounded to 8 bits, as pictures reach the service; the rest keeps the raw sum, as the
    published tables do. A grey patch gets one noise plane for its three channels, as a grey picture
    has; so does a share `shared` of the colour patches. A share `rician` of the patches with one
    plane are magnitudes of a complex signal that has such noise in both parts, as scanners give
    them. `fixed` noise is one plane, drawn once from NumPy's seed 0, for all patches, which must
    then be of the size `side`.
    """

    def __init__(self, noise: Noise, *, side: int, seed: int) -> None:
        # Noise needs float32 whatever the policy: bfloat16 cannot hold 8-bit levels.
        super().__init__(dtype="float32")
        self.noise = noise
        self.seed_generator = keras.random.SeedGenerator(seed)
        if noise.fixed:
            # The legacy generator, because that is what evaluation draws from with seed 0.
            legacy = np.random.RandomState(0)
            self.plane = legacy.standard_normal((1, side, side, 1)).astype(np.float32)

    def call(self, clean: Any, training: bool = False) -> Any:
        """Noisy patches of the same shape while `training`, else `clean` itself."""
        if not training:
            return clean
        count = ops.shape(clean)[0]
        sigma, one_plane = self._sigma(count), self._has_one_plane(clean)
        noisy = clean + sigma * self._pattern(clean, one_plane)
        if self.noise.rician:
            imaginary = sigma * self._normal((*ops.shape(clean)[:3], 1))
            magnitude = ops.sqrt(ops.square(noisy) + ops.square(imaginary))
            some = ops.logical_and(one_plane, self._chance(count, self.noise.rician))
            noisy = ops.where(some, magnitude, noisy)
        rounded = ops.round(ops.clip(noisy, 0.0, 1.0) * 255.0) / 255.0
        return ops.where(self._chance(count, self.noise.clipped), rounded, noisy)

    def _pattern(self, clean: Any, one_plane: Any) -> Any:
        """N(0, 1) for every value, or for every pixel where the channels share one plane."""
        if self.noise.fixed:
            return self.plane
        shape = ops.shape(clean)
        return ops.where(one_plane, self._normal((*shape[:3], 1)), self._normal(shape))

    def _has_one_plane(self, clean: Any) -> Any:
        """Whether the channels of each patch share their noise, [n, 1, 1, 1]."""
        spread = ops.max(clean, axis=-1) - ops.min(clean, axis=-1)
        grey = ops.max(spread, axis=(1, 2)) < 1 / 512
        some = self._chance(ops.shape(clean)[0], self.noise.shared)
        return ops.logical_or(grey[:, None, None, None], some)

    def _normal(self, shape: Any) -> Any:
        return keras.random.normal(shape, seed=self.seed_generator)

    def _sigma(self, count: Any) -> Any:
        low = keras.random.uniform((count, 1, 1, 1), *self.noise.low, seed=self.seed_generator)
        high = keras.random.uniform((count, 1, 1, 1), *self.noise.high, seed=self.seed_generator)
        sigma = ops.where(self._chance(count, self.noise.high_share), high, low) / 255.0
        if not self.noise.clean_share:
            return sigma
        return ops.where(self._chance(count, self.noise.clean_share), 0.0, sigma)

    def _chance(self, count: Any, probability: float) -> Any:
        return keras.random.uniform((count, 1, 1, 1), seed=self.seed_generator) < probability
