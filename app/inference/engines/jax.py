"""Keras models on JAX, without TensorFlow: for the accelerators that JAX supports."""

import os
from functools import partial
from pathlib import Path
from typing import Any

# Read when JAX is imported; otherwise it would reserve most of a GPU's memory at once.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
import numpy as np

from app.imaging.scale import Pixels, white
from app.inference.engines import Forward, Precision
from app.inference.engines.keras_file import read_layers
from app.inference.engines.lax import translate
from app.inference.engines.layers import UnknownLayer
from app.inference.store import BadModelPackage

SIDES = (8, 32, 64, 128, 256, 384, 512, 768, 1024, 1440, 2048, 3008, 4032)
"""Sides of tiles, like `app.imaging.tiling.SIDES`, but fewer, since each new shape of a batch waits
for the compiler. An image of 12 megapixels still gets tiles of 3008x1440, as with all sides.
"""

WARM = tuple((count, side, side) for side in (64, 128, 256, 512) for count in (1, 2, 4))
"""Batches that are compiled in advance on an accelerator, where each takes seconds."""


def load(path: Path, precision: Precision, threads: int) -> Forward:
    """Load a model as `Engine` says; the first sets the threads of the process.

    Batches run on the first accelerator that JAX finds, or else on the processor, where AUTO is
    float32: XLA has no bfloat16 convolutions of its own for processors. Also raises BadModelPackage
    for a network with unknown layers.
    """
    if threads:
        os.environ["NPROC"] = str(threads)  # which XLA reads when it starts
    accelerated = jax.default_backend() != "cpu"
    try:
        network = _Network(path, precision.is_narrow(suits=accelerated))
    except UnknownLayer as error:
        raise BadModelPackage(f"{path} cannot be loaded by JAX: {error}") from error
    for shape in WARM if accelerated else ():
        network.forward(np.zeros((*shape, 3), np.uint8))
    return network.forward


class _Network:
    """A network, compiled once for each shape of a batch, padded to a power of two of tiles.

    Dispatch is asynchronous: while one caller's result is on its way back, the device already runs
    the batch of another.
    """

    def __init__(self, path: Path, narrow: bool) -> None:
        layers = read_layers(path)
        self._weights = jax.device_put({layer.name: layer.weights for layer in layers})
        # without the conversions, of which there are many for all types, but which compile fast
        self._clean = jax.jit(translate(layers, narrow))

    def forward(self, tiles: Pixels) -> Pixels:
        """Run the network on tiles, as `Forward` says."""
        count, channels, scale = len(tiles), tiles.shape[-1], white(tiles.dtype)
        missing = (1 << (count - 1).bit_length()) - count
        padded = np.pad(tiles, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else tiles
        try:
            noisy = _to_unit(jax.device_put(padded), scale)
            clean = self._clean(self._weights, noisy)
            result = np.asarray(_from_unit(clean, scale, tiles.dtype, channels))
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" in str(error):
                raise MemoryError("the network found too little memory") from error
            raise
        return result[:count]


@partial(jax.jit, static_argnums=1)
def _to_unit(tiles: jax.Array, scale: float) -> jax.Array:
    """Return float32 RGB in 0..1."""
    return (tiles.astype(jnp.float32) / scale).repeat(3 // tiles.shape[-1], axis=-1)


@partial(jax.jit, static_argnums=(1, 2, 3))
def _from_unit(clean: jax.Array, scale: float, dtype: Any, channels: int) -> jax.Array:
    """Return the result in the type of the input, with as many channels."""
    if channels == 1:
        clean = clean.mean(axis=-1, keepdims=True)
    clean = clean.clip(0, 1) * scale
    return (clean.round() if scale > 1 else clean).astype(dtype)
