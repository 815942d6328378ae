"""Keras models on TensorFlow: a compiled forward pass over batches of tiles."""

import os
from pathlib import Path
from typing import Any

# Read when TensorFlow and Keras are imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from app.imaging.scale import Pixels, white
from app.inference.engines import Forward, Precision
from app.inference.engines.bfloat16 import has_bfloat16, rewrite_graphs
from app.inference.store import BadModelPackage


def load(path: Path, precision: Precision, threads: int) -> Forward:
    """Load a model; precision and threads apply to the process.

    Raises RuntimeError if TensorFlow has already started with another number of threads, and
    BadModelPackage as `Engine` says.
    """
    _configure(precision, threads)
    return _Network(path).forward


def _configure(precision: Precision, threads: int) -> None:
    """Configure TensorFlow for the whole process: once, before the first model."""
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    automatic = precision is Precision.AUTO and has_bfloat16()
    rewrite_graphs(automatic or precision is Precision.BFLOAT16)


class _Network:
    """The forward pass of the model in a .keras file.

    Scaling, rounding and type conversion happen inside the graph, on all its threads, so that
    Python only moves small integers. A pass is traced once for each pixel type; tiles of any size
    and number use the same trace.
    """

    def __init__(self, path: Path) -> None:
        """Load the model; raise BadModelPackage if the file has none, or one that brings code."""
        try:
            self._model = keras.models.load_model(path, compile=False, safe_mode=True)
        except Exception as error:
            raise BadModelPackage(f"{path} cannot be loaded: {error}") from error
        self._passes: dict[tuple[np.dtype[Any], int], Any] = {}

    def forward(self, tiles: Pixels) -> Pixels:
        """Run the network on tiles, as `Forward` says."""
        key = (tiles.dtype, tiles.shape[-1])
        if key not in self._passes:
            self._passes[key] = self._trace(*key)
        try:
            result: Pixels = self._passes[key](tiles).numpy()
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError("the network found too little memory") from error
        return result

    def _trace(self, dtype: np.dtype[Any], channels: int) -> Any:
        scale = white(dtype)

        def forward(tiles: tf.Tensor) -> tf.Tensor:
            noisy = tf.cast(tiles, tf.float32) / scale
            clean = self._model(tf.repeat(noisy, 3 // channels, axis=-1), training=False)
            if channels == 1:
                clean = tf.reduce_mean(clean, axis=-1, keepdims=True)
            clean = tf.clip_by_value(clean, 0.0, 1.0) * scale
            return tf.cast(tf.round(clean) if scale > 1 else clean, dtype)

        signature = tf.TensorSpec((None, None, None, channels), dtype)
        # There is no control flow to convert, and AutoGraph would write its code to a file.
        traced = tf.function(forward, input_signature=[signature], autograph=False)
        return traced.get_concrete_function()
