"""Keras models on TensorFlow: a compiled forward pass over batches of tiles."""

import os
from contextlib import suppress
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
from app.inference.engines.squares import kernel_of_squares
from app.inference.store import BadModelPackage

COLOURS = 3
"""Outputs of a layer that makes an image."""


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
    rewrite_graphs(precision.is_narrow(suits=has_bfloat16()))


class _Network:
    """The forward pass of the model in a .keras file.

    Scaling, rounding and type conversion happen inside the graph, on all its threads, so that
    Python only handles small integers. A pass is traced once for each pixel type; tiles of any size
    and number share the trace.
    """

    def __init__(self, path: Path) -> None:
        """Load the model; raise BadModelPackage if there is none, or one with code of its own."""
        try:
            self._model = _by_squares(keras.models.load_model(path, compile=False, safe_mode=True))
        except Exception as error:
            raise BadModelPackage(f"{path} cannot be loaded: {error}") from error
        self._passes: dict[tuple[np.dtype[Any], int], Any] = {}

    def forward(self, tiles: Pixels) -> Pixels:
        """Run the network on tiles, as `Forward` says."""
        key = (tiles.dtype, tiles.shape[-1])
        if key not in self._passes:
            self._passes[key] = self._trace(*key)
        try:
            result: Pixels = self._passes[key](tiles, np.float32(white(tiles.dtype))).numpy()
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError("the network found too little memory") from error
        return result

    def _trace(self, dtype: np.dtype[Any], channels: int) -> Any:
        def forward(tiles: tf.Tensor, most: tf.Tensor) -> tf.Tensor:
            # The divisor, which also repeats grey, is not a constant on purpose: an operation that
            # only moves samples would be turned into bfloat16 beside a convolution, image included.
            divisor = most if channels == 3 else tf.stack([most] * 3)
            clean = self._model(tf.cast(tiles, tf.float32) / divisor, training=False)
            if channels == 1:
                clean = tf.reduce_mean(clean, axis=-1, keepdims=True)
            clean = tf.clip_by_value(clean, 0.0, 1.0) * most
            return tf.cast(tf.round(clean) if dtype.kind != "f" else clean, dtype)

        signature = (
            tf.TensorSpec((None, None, None, channels), dtype),
            tf.TensorSpec((), tf.float32),
        )
        # There is no control flow to convert, and AutoGraph would write generated code to a file.
        traced = tf.function(forward, input_signature=signature, autograph=False)
        return traced.get_concrete_function()


def _by_squares(model: Any) -> Any:
    """Return the model with its transposed convolutions as plain ones, where possible."""

    def replaced(layer: Any) -> Any:
        with suppress(ValueError):
            if isinstance(layer, keras.layers.Conv2DTranspose):
                return _Squares(layer)
        return layer

    return keras.models.clone_model(model, clone_function=replaced)


class _Squares(keras.layers.Layer):
    """A transposed convolution as a plain one, whose channels are squares of pixels.

    One that makes an image is three-dimensional, with a depth of one: only two-dimensional
    convolutions are turned into bfloat16.
    """

    def __init__(self, layer: Any) -> None:
        """Replace `layer`; raise ValueError for unsupported options."""
        super().__init__(name=layer.name)
        side, other = layer.strides
        is_usual = layer.data_format == "channels_last" and layer.dilation_rate == (1, 1)
        if side != other or not is_usual or layer.output_padding is not None:
            raise ValueError("its options are not known here")
        kernel, (begin, end) = kernel_of_squares(layer.kernel.numpy(), side, layer.padding)
        if begin != end:
            raise ValueError("it is padded unevenly")
        bias = layer.bias.numpy() if layer.use_bias else np.zeros(layer.filters, np.float32)
        self._side, self._outputs, self._activation = side, layer.filters, layer.activation
        self._kernel, self._bias = kernel, np.tile(bias, side**2)

    def call(self, x: Any) -> Any:
        """Return the image that the squares form."""
        if self._outputs > COLOURS:
            y = tf.nn.conv2d(x, self._kernel, 1, "SAME")
        else:
            y = tf.nn.conv3d(x[:, None], self._kernel[None], [1] * 5, "SAME")[:, 0]
        y = self._activation(y + self._bias)
        n, height, width = tf.unstack(tf.shape(x)[:3])
        side, outputs = self._side, self._outputs
        rows = tf.reshape(y, [n * height, width, side, side * outputs])
        whole = tf.transpose(rows, [0, 2, 1, 3])
        return tf.reshape(whole, [n, height * side, width * side, outputs])

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result."""
        n, *lengths, _ = shape
        height, width = (length and length * self._side for length in lengths)
        return n, height, width, self._outputs
