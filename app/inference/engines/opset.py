"""Translate Keras layers to OpenVINO operations: the few kinds in convolutional denoisers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from app.inference.engines.keras_file import Layer
from app.inference.engines.runtime import openvino as ov
from app.inference.engines.runtime import opset as op

Node = Any
"""An operation; OpenVINO ships types for few of them."""

_TO_PLANES, _TO_PIXELS = [0, 3, 1, 2], [0, 2, 3, 1]

_ACTIVATIONS: dict[str, Callable[[Node], Node]] = {
    "linear": lambda x: x,
    "relu": op.relu,
    "sigmoid": op.sigmoid,
}


class UnknownLayer(ValueError):
    """A layer of a kind, or with an option, that cannot be translated."""


def graph(layers: Sequence[Layer]) -> Any:
    """Return the network of `layers`: float32 [n, height, width, 3] to the same shape, of any size.

    Height and width must be multiples of the network's stride: padding is fixed as Keras pads
    those. Raises UnknownLayer.
    """
    picture = op.parameter([-1, -1, -1, 3], ov.Type.f32)
    found: dict[str, Node] = {}
    for layer in layers:
        if layer.kind == "InputLayer":
            found[layer.name] = op.transpose(picture, op.constant(_TO_PLANES))
        else:
            inputs = [found[name] for name in layer.inputs]
            found[layer.name] = _translated(layer, inputs)
    result = op.transpose(found[layers[-1].name], op.constant(_TO_PIXELS))
    return ov.Model([op.result(result)], [picture], "denoiser")


def _translated(layer: Layer, inputs: list[Node]) -> Node:
    if layer.kind not in _KINDS:
        raise UnknownLayer(f"the layer {layer.name!r} is a {layer.kind}, which is not known here")
    translate, fixed = _KINDS[layer.kind]
    for option, value in fixed.items():
        if layer.options.get(option, value) != value:
            raise UnknownLayer(f"the layer {layer.name!r} has {option}={layer.options[option]!r}")
    return translate(layer, *inputs)


def _convolution(layer: Layer, x: Node) -> Node:
    kernel = op.constant(np.ascontiguousarray(layer.weights[0].transpose(3, 2, 0, 1)))
    strides, (begin, end) = layer.options["strides"], _padding(layer)
    return _finished(layer, op.convolution(x, kernel, strides, begin, end, [1, 1]))


def _transposed_convolution(layer: Layer, x: Node) -> Node:
    kernel = op.constant(np.ascontiguousarray(layer.weights[0].transpose(3, 2, 0, 1)))
    strides, (begin, end) = layer.options["strides"], _padding(layer)
    if any(k < s for k, s in zip(layer.options["kernel_size"], strides, strict=True)):
        raise UnknownLayer(f"the layer {layer.name!r} leaves gaps: its strides exceed its kernel")
    y = op.convolution_backprop_data(x, kernel, strides, pads_begin=begin, pads_end=end)
    return _finished(layer, y)


def _finished(layer: Layer, x: Node) -> Node:
    """Add the bias and the activation."""
    if layer.options["use_bias"]:
        x = op.add(x, op.constant(layer.weights[1].reshape(1, -1, 1, 1)))
    activation = layer.options["activation"]
    if activation not in _ACTIVATIONS:
        raise UnknownLayer(f"the layer {layer.name!r} has the activation {activation!r}")
    return _ACTIVATIONS[activation](x)


def _padding(layer: Layer) -> tuple[list[int], list[int]]:
    """Return the padding before and after each axis, as TensorFlow pads multiples of the stride."""
    if layer.options["padding"] == "valid":
        return [0, 0], [0, 0]
    sizes = zip(layer.options["kernel_size"], layer.options["strides"], strict=True)
    both = [max(0, kernel - stride) for kernel, stride in sizes]
    return [pad // 2 for pad in both], [pad - pad // 2 for pad in both]


def _add(layer: Layer, *inputs: Node) -> Node:  # noqa: ARG001
    first, *others = inputs
    for other in others:
        first = op.add(first, other)
    return first


def _subtract(layer: Layer, x: Node, y: Node) -> Node:  # noqa: ARG001
    return op.subtract(x, y)


def _relu(layer: Layer, x: Node) -> Node:  # noqa: ARG001
    return op.relu(x)


def _prelu(layer: Layer, x: Node) -> Node:
    slopes = layer.weights[0]
    if slopes.shape[:-1] != (1, 1):
        raise UnknownLayer(f"the layer {layer.name!r} has a slope for each pixel")
    return op.prelu(x, op.constant(slopes.reshape(-1)))


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


_PIXELS_LAST = {"data_format": "channels_last"}
_CONVOLUTION = _PIXELS_LAST | {"dilation_rate": [1, 1]}

_KINDS: dict[str, tuple[Callable[..., Node], dict[str, Any]]] = {
    "Add": (_add, {}),
    "Conv2D": (_convolution, _CONVOLUTION | {"groups": 1}),
    "Conv2DTranspose": (_transposed_convolution, _CONVOLUTION | {"output_padding": None}),
    "MaxPooling2D": (_max_pooling, _PIXELS_LAST | {"padding": "valid"}),
    "PReLU": (_prelu, {}),
    "ReLU": (_relu, {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}),
    "Subtract": (_subtract, {}),
    "UpSampling2D": (_up_sampling, _PIXELS_LAST | {"interpolation": "nearest"}),
}
"""How each kind of layer is translated, and the values that its options must have."""
