"""Translate Keras layers to OpenVINO operations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from app.imaging.scale import Pixels
from app.inference.engines.keras_file import Layer
from app.inference.engines.layers import UnknownLayer, padding, require_known
from app.inference.engines.runtime import openvino as ov
from app.inference.engines.runtime import opset as op
from app.inference.engines.squares import kernel_of_squares

Node = Any
"""An operation; OpenVINO has type hints for few of them."""

_TO_PLANES, _TO_PIXELS = [0, 3, 1, 2], [0, 2, 3, 1]

_SQUARES = "blocks_first"
"""The order in which channels become the pixels of squares, as depth_to_space names it."""

_ENLARGED = "enlarged"
"""The name of the operation that assembles the squares of a transposed convolution."""

_ACTIVATIONS: dict[str, Callable[[Node], Node]] = {
    "linear": lambda x: x,
    "relu": op.relu,
    "sigmoid": op.sigmoid,
}


@dataclass(frozen=True, slots=True)
class Network:
    """A network as OpenVINO operations, except for its last steps, which NumPy does faster."""

    model: Any
    """float32 [n, height, width, 3] to [n, height / scale, width / scale, scale * scale * 3], of
    any size: the last axis holds the pixels of a square of the image, row by row.
    """
    scale: int
    finds_noise: bool
    """Whether the result of the model is the noise, to be subtracted from the image."""

    def finish(self, noisy: Pixels, found: Pixels) -> Pixels:
        """Return the clean batch, given the input of the model and its result.

        It may overwrite `noisy`, and shares no memory with `found`.
        """
        n, height, width, channels = found.shape
        side = self.scale
        squares = found.reshape(n, height, width, side, side, channels // side**2)
        rows = squares.transpose(0, 1, 3, 2, 4, 5)
        if not self.finds_noise:
            return np.array(rows).reshape(noisy.shape)
        noisy.reshape(rows.shape)[...] -= rows
        return noisy


def translate(layers: Sequence[Layer]) -> Network:
    """Return the network of `layers`.

    Height and width of its images must be multiples of its stride, for which padding is fixed as
    Keras pads. Raises UnknownLayer.
    """
    for layer in layers[1:]:
        require_known(layer)
    picture = op.parameter([-1, -1, -1, 3], ov.Type.f32)
    image, last = layers[0].name, layers[-1]
    finds_noise = last.kind == "Subtract" and last.inputs[0] == image
    if finds_noise:
        last = next(layer for layer in layers if layer.name == last.inputs[1])
    found: dict[str, Node] = {image: op.transpose(picture, op.constant(_TO_PLANES))}
    for layer in layers[1 : layers.index(last)]:
        found[layer.name] = _KINDS[layer.kind](layer, *(found[name] for name in layer.inputs))
    inputs = [found[name] for name in last.inputs]
    if last.kind == "Conv2DTranspose":
        result, scale = _squares(last, *inputs), int(last.options["strides"][0])
    else:
        result, scale = _KINDS[last.kind](last, *inputs), 1
    pixels = op.transpose(result, op.constant(_TO_PIXELS))
    return Network(ov.Model([op.result(pixels)], [picture], "denoiser"), scale, finds_noise)


def _convolution(layer: Layer, x: Node) -> Node:
    weights, strides, (begin, end) = layer.weights[0], layer.options["strides"], padding(layer)
    side = strides[0]
    if side > 1 and weights.shape[:2] == (side, side) == tuple(strides) and not any(begin + end):
        # Windows that do not overlap are squares of pixels, as skip connections use them in `_add`.
        x, strides = op.space_to_depth(x, _SQUARES, side), [1, 1]
        weights = weights.reshape(1, 1, -1, weights.shape[-1])
    kernel = op.constant(np.ascontiguousarray(weights.transpose(3, 2, 0, 1)))
    return _finished(layer, op.convolution(x, kernel, strides, begin, end, [1, 1]))


def _transposed_convolution(layer: Layer, x: Node) -> Node:
    side = layer.options["strides"][0]
    return op.depth_to_space(_squares(layer, x), _SQUARES, side, name=_ENLARGED)


def _squares(layer: Layer, x: Node) -> Node:
    """Return a transposed convolution as a plain one, whose channels are squares of pixels."""
    strides = layer.options["strides"]
    side = strides[0]
    if strides != [side, side]:
        raise UnknownLayer(f"the layer {layer.name!r} does not enlarge by its stride: that differs")
    try:
        found, (begin, end) = kernel_of_squares(layer.weights[0], side, layer.options["padding"])
    except ValueError as error:
        raise UnknownLayer(f"the layer {layer.name!r} {error}") from error
    kernel = np.ascontiguousarray(found.transpose(3, 2, 0, 1))
    y = op.convolution(x, op.constant(kernel), [1, 1], begin, end, [1, 1])
    return _finished(layer, y, pixels=side**2)


def _finished(layer: Layer, x: Node, pixels: int = 1) -> Node:
    """Add the bias, repeated for the `pixels` in the channels, and apply the activation."""
    if layer.options["use_bias"]:
        bias = np.tile(layer.weights[1], pixels)
        x = op.add(x, op.constant(bias.reshape(1, -1, 1, 1)))
    return _ACTIVATIONS[layer.options["activation"]](x)


def _add(_: Layer, *inputs: Node) -> Node:
    enlarged = next((x for x in inputs if x.get_friendly_name() == _ENLARGED), None)
    if enlarged is None:
        return reduce(op.add, inputs)
    # Before the squares are assembled, their convolution can add the other inputs at no cost.
    side = enlarged.get_attributes()["block_size"]
    others = (op.space_to_depth(x, _SQUARES, side) for x in inputs if x is not enlarged)
    return op.depth_to_space(reduce(op.add, others, enlarged.input_value(0)), _SQUARES, side)


def _prelu(layer: Layer, x: Node) -> Node:
    return op.prelu(x, op.constant(layer.weights[0].reshape(-1)))


def _max_pooling(layer: Layer, x: Node) -> Node:
    size, strides = layer.options["pool_size"], layer.options["strides"]
    return op.max_pool(x, strides, [1, 1], [0, 0], [0, 0], size).output(0)


def _up_sampling(layer: Layer, x: Node) -> Node:
    return op.interpolate(
        x,
        op.constant(np.array(layer.options["size"], np.float32)),
        mode="nearest",
        shape_calculation_mode="scales",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
        axes=op.constant([2, 3]),
    )


_KINDS: dict[str, Callable[..., Node]] = {
    "Add": _add,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed_convolution,
    "MaxPooling2D": _max_pooling,
    "PReLU": _prelu,
    "ReLU": lambda _, x: op.relu(x),
    "Subtract": lambda _, x, y: op.subtract(x, y),
    "UpSampling2D": _up_sampling,
}
"""How each kind of layer is translated."""
