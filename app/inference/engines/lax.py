"""Translate Keras layers to JAX."""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from app.inference.engines.keras_file import Layer
from app.inference.engines.layers import padding, require_known

Array = Any
"""A jax.Array, whose package may not be installed."""
Weights = Mapping[str, Sequence[Array]]
"""The weights of each layer, by its name."""

_PIXELS_LAST = ("NHWC", "HWIO", "NHWC")

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
}


def translate(layers: Sequence[Layer], narrow: bool) -> Callable[[Weights, Array], Array]:
    """Return the function from weights and float32 images [n, height, width, 3] to clean images.

    Height and width must be multiples of the network's stride, for which padding is fixed as Keras
    pads. If `narrow`, convolutions are in bfloat16, except transposed ones, of which the last makes
    the result, and sums and differences with float32. Raises UnknownLayer.
    """
    for layer in layers[1:]:
        require_known(layer)
    kind = jnp.bfloat16 if narrow else jnp.float32
    # of float32 products; the higher one is many times slower on accelerators
    precision = "high" if narrow else "highest"

    def network(weights: Weights, image: Array) -> Array:
        found = {layers[0].name: image}
        for layer in layers[1:]:
            inputs = [found[name] for name in layer.inputs]
            if layer.kind == "Conv2D":
                inputs = [x.astype(kind) for x in inputs]
            with jax.default_matmul_precision(precision):
                result = _KINDS[layer.kind](layer, weights[layer.name], *inputs)
            found[layer.name] = result
        return found[layers[-1].name]

    return network


def _convolution(layer: Layer, weights: Sequence[Array], x: Array) -> Array:
    y = lax.conv_general_dilated(
        x,
        weights[0].astype(x.dtype),
        layer.options["strides"],
        list(zip(*padding(layer), strict=True)),
        dimension_numbers=_PIXELS_LAST,
    )
    return _finished(layer, weights, y)


def _transposed_convolution(layer: Layer, weights: Sequence[Array], x: Array) -> Array:
    """Convolve the image, zeros between its pixels, with the flipped kernel."""
    x = x.astype(jnp.float32)
    kernel = jnp.flip(weights[0], (0, 1)).swapaxes(2, 3)
    strides = layer.options["strides"]
    around = [
        (size - 1 - begin, max(size, stride) - 1 - end)
        for size, stride, begin, end in zip(
            layer.options["kernel_size"], strides, *padding(layer), strict=True
        )
    ]
    y = lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        around,
        lhs_dilation=strides,
        dimension_numbers=_PIXELS_LAST,
    )
    return _finished(layer, weights, y)


def _finished(layer: Layer, weights: Sequence[Array], x: Array) -> Array:
    """Add the bias and the activation."""
    if layer.options["use_bias"]:
        x = x + weights[1].astype(x.dtype)
    return _ACTIVATIONS[layer.options["activation"]](x)


def _prelu(_: Layer, weights: Sequence[Array], x: Array) -> Array:
    return jnp.where(x > 0, x, weights[0].astype(x.dtype) * x)


def _max_pooling(layer: Layer, _: Sequence[Array], x: Array) -> Array:
    size, strides = ((1, *layer.options[name], 1) for name in ("pool_size", "strides"))
    return lax.reduce_window(x, jnp.array(-jnp.inf, x.dtype), lax.max, size, strides, "VALID")


def _up_sampling(layer: Layer, _: Sequence[Array], x: Array) -> Array:
    down, across = layer.options["size"]
    return x.repeat(down, axis=1).repeat(across, axis=2)


_KINDS: dict[str, Callable[..., Array]] = {
    "Add": lambda _layer, _weights, *inputs: reduce(operator.add, inputs),
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed_convolution,
    "MaxPooling2D": _max_pooling,
    "PReLU": _prelu,
    "ReLU": lambda _layer, _weights, x: jax.nn.relu(x),
    "Subtract": lambda _layer, _weights, x, y: x - y,
    "UpSampling2D": _up_sampling,
}
"""How each kind of layer is translated."""
