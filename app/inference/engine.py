"""One Keras model on one device: a compiled forward pass over batches of tiles."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Any

# Read when TensorFlow and Keras are imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from app.imaging.scale import Pixels, white
from app.inference.store import BadModelPackage


class Precision(StrEnum):
    """The arithmetic of the convolutions."""

    AUTO = "auto"
    """bfloat16 where the processor has instructions for it, else float32."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    """Half the time per pixel with AVX512-BF16 or AMX, for a few hundredths of a dB."""


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16 natively, as far as Linux tells."""
    try:
        flags = cpuinfo.read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def configure_tensorflow(precision: Precision, threads: int) -> None:
    """Sets TensorFlow up for the whole process: once, before the first model.

    `threads` bounds those of a forward pass; 0 takes all cores. Raises RuntimeError if TensorFlow
    has already started with another number.
    """
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    bfloat16 = precision is Precision.BFLOAT16 or (precision is Precision.AUTO and has_bfloat16())
    # oneDNN's graph rewrite turns the convolutions into bfloat16. The transposed ones, among them
    # the network's last, stay float32: with 8 bits of mantissa, strong noise is only known to
    # half an 8-bit level, and how that rounds would depend on the size of the tile.
    os.environ["TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_ALLOWLIST_REMOVE"] = "Conv2DBackpropInput"
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": bfloat16})


class Engine:
    """The forward pass of the model in a .keras file.

    Scaling, rounding and the change of type happen inside the graph, on all its threads, so that
    Python only ever moves small integers. A pass is traced once for each pixel type; any size and
    any number of tiles runs through the same trace.
    """

    def __init__(self, path: Path) -> None:
        """Raises BadModelPackage where the file holds no model, or one that brings code."""
        try:
            self._model = keras.models.load_model(path, compile=False, safe_mode=True)
        except Exception as error:
            raise BadModelPackage(f"{path} cannot be loaded: {error}") from error
        self._passes: dict[tuple[np.dtype[Any], int], Any] = {}

    def forward(self, tiles: Pixels) -> Pixels:
        """The denoised tiles [n, height, width, 1 or 3], in the type they came in.

        Types are uint8, uint16 and float32 in [0, 1]. A grey tile is seen by the network as three
        equal channels, and its result is their mean. Sides are multiples of the model's stride.
        Raises MemoryError where the device has too little.
        """
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
