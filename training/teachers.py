"""Distillation: the results of other networks as a second target."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from training.noise.random import Random


class Teachers(keras.layers.Layer):
    """Return the best result of several networks for noisy patches, both [n, s, s, 3] in [0, 1].

    Each network sees a patch in one of eight orientations at random. The network that learns thus
    approaches the mean over all eight, the self-ensemble, which is about 0.2 dB better than the
    teacher itself (R. Timofte et al., "Seven ways to improve example-based single image super
    resolution", 2016) and costs nothing once learnt: a network can be its own teacher. Of the
    results, and their mean, the one closest to the target is taken, patch by patch.
    """

    def __init__(self, networks: Sequence[Any], *, seed: int) -> None:
        """Take denoising networks, and the seed of the orientations."""
        super().__init__(dtype="float32")
        self.networks = list(networks)
        self.trainable = False
        self.random = Random(seed)
        self.seed_generator = self.random.generator  # kept among the layer's variables

    def call(self, noisy: Any, target: Any) -> Any:
        """Return, for each patch, the result closest to its target."""
        results = [self._seen_turned(network, noisy) for network in self.networks]
        if len(results) > 1:
            results.append(sum(results) / len(results))
        best = results[0]
        for result in results[1:]:
            best = ops.where(closer(target, result, best), result, best)
        return best

    def _seen_turned(self, network: Any, noisy: Any) -> Any:
        moved = [self.random.chance(ops.shape(noisy)[0], 0.5) for _ in _MOVES]
        seen = noisy
        for move, where in zip(_MOVES, moved, strict=True):
            seen = ops.where(where, move(seen), seen)
        restored = ops.cast(network(seen, training=False), "float32")
        for move, where in zip(_MOVES[::-1], moved[::-1], strict=True):
            restored = ops.where(where, move(restored), restored)
        return restored


def closer(target: Any, one: Any, other: Any) -> Any:
    """Return for which patches `one` is closer to the target than `other`: [n, 1, 1, 1]."""

    def error(patches: Any) -> Any:
        return ops.mean(ops.square(patches - target), axis=(1, 2, 3), keepdims=True)

    return error(one) < error(other)


_MOVES: tuple[Callable[[Any], Any], ...] = (
    lambda patches: ops.flip(patches, axis=1),
    lambda patches: ops.flip(patches, axis=2),
    lambda patches: ops.transpose(patches, (0, 2, 1, 3)),
)
"""Each is its own inverse; their eight combinations are the orientations of a patch."""
