"""Random numbers for a batch, per patch or per pixel."""

import math
from typing import Any

import keras
from keras import ops


class Random:
    """Draws from one Keras seed generator; values per patch are [n, 1, 1, 1]."""

    def __init__(self, seed: int) -> None:
        self.generator = keras.random.SeedGenerator(seed)

    def uniform(self, count: Any, bounds: tuple[float, float]) -> Any:
        """Return a value per patch from U(low, high)."""
        return keras.random.uniform((count, 1, 1, 1), *bounds, seed=self.generator)

    def log_uniform(self, count: Any, bounds: tuple[float, float]) -> Any:
        """Return a log-uniform value per patch between the bounds, both above 0."""
        low, high = (math.log(bound) for bound in bounds)
        return ops.exp(self.uniform(count, (low, high)))

    def chance(self, count: Any, probability: float) -> Any:
        """Return a bool per patch, true with the given probability."""
        return self.uniform(count, (0.0, 1.0)) < probability

    def weights(self, count: Any, size: int) -> Any:
        """Return weights [n, 1, 1, size] of a random convex mix, uniform on the simplex."""
        shape = (count, 1, 1, size)
        drawn = -ops.log(keras.random.uniform(shape, 1e-7, 1.0, seed=self.generator))
        return drawn / ops.sum(drawn, axis=-1, keepdims=True)

    def normal(self, shape: Any) -> Any:
        """Return values from N(0, 1), in any shape."""
        return keras.random.normal(shape, seed=self.generator)

    def plane(self, patches: Any) -> Any:
        """Return a plane of N(0, 1) per patch, [n, h, w, 1], for patches [n, h, w, c]."""
        return self.normal((*ops.shape(patches)[:3], 1))

    def integer(self, below: int) -> Any:
        """Return one integer from 0 to `below` - 1 for the whole batch."""
        return keras.random.randint((), 0, below, seed=self.generator)
