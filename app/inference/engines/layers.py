"""The Keras layers that engines translate: the few kinds in convolutional denoisers.

`lax` and `opset` translate each kind in OPTIONS.
"""

from collections.abc import Mapping
from typing import Any

from app.inference.engines.keras_file import Layer

_PIXELS_LAST = {"data_format": "channels_last"}
_CONVOLUTION = _PIXELS_LAST | {"dilation_rate": [1, 1]}

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "Add": {},
    "Conv2D": _CONVOLUTION | {"groups": 1},
    "Conv2DTranspose": _CONVOLUTION | {"output_padding": None},
    "MaxPooling2D": _PIXELS_LAST | {"padding": "valid"},
    "PReLU": {},
    "ReLU": {"max_value": None, "negative_slope": 0.0, "threshold": 0.0},
    "Subtract": {},
    "UpSampling2D": _PIXELS_LAST | {"interpolation": "nearest"},
}
"""The supported kinds of layers, and the values that some of their options must have."""

ACTIVATIONS = ("linear", "relu", "sigmoid")
"""The supported activations."""


class UnknownLayer(ValueError):
    """A layer whose kind or options cannot be translated."""


def require_known(layer: Layer) -> None:
    """Raise UnknownLayer for a layer that cannot be translated."""
    if layer.kind not in OPTIONS:
        raise UnknownLayer(f"the layer {layer.name!r} is a {layer.kind}, which is not known here")
    for option, value in OPTIONS[layer.kind].items():
        if layer.options.get(option, value) != value:
            raise UnknownLayer(f"the layer {layer.name!r} has {option}={layer.options[option]!r}")
    activation = layer.options.get("activation", "linear")
    if activation not in ACTIVATIONS:
        raise UnknownLayer(f"the layer {layer.name!r} has the activation {activation!r}")
    if layer.kind == "PReLU" and layer.weights[0].shape[:-1] != (1, 1):
        raise UnknownLayer(f"the layer {layer.name!r} has a slope for each pixel")


def padding(layer: Layer) -> tuple[list[int], list[int]]:
    """Return the padding of a convolution before and after each axis, as TensorFlow pads images
    whose sides are multiples of the stride.
    """
    if layer.options["padding"] == "valid":
        return [0, 0], [0, 0]
    sizes = zip(layer.options["kernel_size"], layer.options["strides"], strict=True)
    both = [max(0, kernel - stride) for kernel, stride in sizes]
    return [pad // 2 for pad in both], [pad - pad // 2 for pad in both]
