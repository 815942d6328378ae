"""Derive the cost and the receptive field of a network from its layers."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import keras
from keras import layers

from training.errors import TrainingError

SIDE = 256
"""Side, in pixels, of the image for which costs are quoted."""


@dataclass(frozen=True)
class Anatomy:
    """The figures of a network that are needed to run it."""

    parameters: int
    gmac: float
    """10^9 multiply-adds of the convolutions for 256x256 pixels."""
    floats_per_pixel: float
    """Values that the widest layer produces per pixel of the input."""
    stride: int
    """The factor between the input and the coarsest layer; sides must be multiples of it."""
    radius: int
    """Radius of the receptive field: no output depends on an input farther away on either axis."""


@dataclass(frozen=True)
class _Place:
    """The geometry of a tensor: input pixels from one value to the next, and the radius of the
    receptive field so far.
    """

    step: Fraction
    radius: Fraction


def anatomy(network: keras.Model) -> Anatomy:
    """Return the figures of `network`; raise TrainingError unless all its layers are supported.

    Those are stock layers whose outputs depend on their surroundings alone, so that an image gives
    the same result in tiles as whole, and a saved network needs no code of its own. The network
    must map RGB images of any size to images of the same size.
    """
    _require_pictures(network)
    places = {id(network.inputs[0]): _Place(Fraction(1), Fraction(0))}
    multiplications = Fraction(0)
    floats_per_pixel = Fraction(network.inputs[0].shape[-1])
    for layer in network.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        rule = _rule(layer)
        tensors = layer.input if isinstance(layer.input, list) else [layer.input]
        before = _joined(layer, [places[id(tensor)] for tensor in tensors])
        after = places[id(layer.output)] = rule(layer, before)
        floats_per_pixel = max(floats_per_pixel, layer.output.shape[-1] / after.step**2)
        if hasattr(layer, "kernel"):
            # A transposed convolution multiplies once per input, any other once per output.
            at = before if isinstance(layer, layers.Conv2DTranspose) else after
            multiplications += math.prod(layer.kernel.shape) * (SIDE / at.step) ** 2
    end = places[id(network.outputs[0])]
    if end.step != 1:
        raise TrainingError("the output is not as high and wide as the input")
    return Anatomy(
        parameters=int(network.count_params()),
        gmac=float(multiplications) / 1e9,
        floats_per_pixel=float(floats_per_pixel),
        stride=int(max(place.step for place in places.values())),
        radius=math.ceil(end.radius),
    )


def _require_pictures(network: keras.Model) -> None:
    shapes = [tensor.shape for tensor in (*network.inputs, *network.outputs)]
    if shapes != [(None, None, None, 3)] * 2:
        raise TrainingError(
            "a network takes one tensor [None, None, None, 3] and gives one, "
            f"not {', '.join(map(str, shapes))}"
        )


def _joined(layer: Any, places: list[_Place]) -> _Place:
    """Return the geometry of the joint inputs of a layer: the widest receptive field of all."""
    if len({place.step for place in places}) > 1:
        raise TrainingError(f"layer {layer.name!r} joins tensors of different sizes")
    return replace(places[0], radius=max(place.radius for place in places))


def _rule(layer: Any) -> Callable[[Any, _Place], _Place]:
    if type(layer) not in _RULES:
        raise TrainingError(
            f"layer {layer.name!r} is a {type(layer).__name__}; "
            f"networks are made of {', '.join(sorted(kind.__name__ for kind in _RULES))}"
        )
    return _RULES[type(layer)]


def _value_by_value(_: Any, place: _Place) -> _Place:
    return place


def _concatenation(layer: Any, place: _Place) -> _Place:
    if layer.axis not in (-1, 3):
        raise TrainingError(f"layer {layer.name!r} joins tensors along another axis than channels")
    return place


def _convolution(layer: Any, place: _Place) -> _Place:
    size = max(layer.dilation_rate) * (max(layer.kernel_size) - 1) + 1
    return _reduced(layer, place, size)


def _pooling(layer: Any, place: _Place) -> _Place:
    return _reduced(layer, place, max(layer.pool_size))


def _transposed_convolution(layer: Any, place: _Place) -> _Place:
    size, stride = max(layer.kernel_size), _stride(layer, layer.strides)
    _require_padding(layer, size, stride)
    step = place.step / stride
    return _Place(step, place.radius + _reach(size, stride) * step)


def _upsampling(layer: Any, place: _Place) -> _Place:
    if layer.interpolation not in ("nearest", "bilinear"):
        raise TrainingError(f"layer {layer.name!r} interpolates farther than to its neighbours")
    return _Place(place.step / _stride(layer, layer.size), place.radius + place.step)


def _reduced(layer: Any, place: _Place, size: int) -> _Place:
    stride = _stride(layer, layer.strides)
    _require_padding(layer, size, stride)
    return _Place(place.step * stride, place.radius + _reach(size, stride) * place.step)


def _stride(layer: Any, strides: tuple[int, int]) -> int:
    if strides[0] != strides[1]:
        raise TrainingError(f"layer {layer.name!r} has another stride down than across")
    return strides[0]


def _require_padding(layer: Any, size: int, stride: int) -> None:
    """Require `same` padding, except for windows that do not overlap: others would lose edges."""
    if layer.padding != "same" and size > stride:
        raise TrainingError(f"layer {layer.name!r} needs padding='same', or it cuts the edges off")


def _reach(size: int, stride: int) -> int:
    """Return how far a window of `size` reaches from its position, under `same` padding."""
    return size - 1 - max(0, size - stride) // 2


_RULES: dict[type, Callable[[Any, _Place], _Place]] = {
    layers.Conv2D: _convolution,
    layers.DepthwiseConv2D: _convolution,
    layers.Conv2DTranspose: _transposed_convolution,
    layers.MaxPooling2D: _pooling,
    layers.AveragePooling2D: _pooling,
    layers.UpSampling2D: _upsampling,
    layers.Activation: _value_by_value,
    layers.Add: _value_by_value,
    layers.Concatenate: _concatenation,
    layers.LeakyReLU: _value_by_value,
    layers.Multiply: _value_by_value,
    layers.ReLU: _value_by_value,
    layers.Subtract: _value_by_value,
}
