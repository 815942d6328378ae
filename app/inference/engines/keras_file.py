"""Read the layers of a network and their weights from a .keras file, without Keras."""

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from app.inference.store import BadModelPackage

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer; layers are listed after all those that provide their input."""

    name: str
    kind: str
    """The name of its class, such as Conv2D."""
    options: Mapping[str, Any]
    inputs: tuple[str, ...]
    """Names of the layers that provide its input."""
    weights: tuple[Weights, ...]


def read_layers(path: Path) -> tuple[Layer, ...]:
    """Read the layers of the functional model in the file at `path`; the last is its output.

    Raises BadModelPackage if the file contains no such model with one input and one output, or if a
    layer is not one of Keras's own.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            model = json.loads(archive.read("config.json"))
            weights = archive.read("model.weights.h5")
        with h5py.File(io.BytesIO(weights), "r") as file:
            return tuple(_layers(model, file))
    except Exception as error:  # an invalid file can raise anything in its readers
        raise BadModelPackage(f"{path} cannot be loaded: {error}") from error


def _layers(model: Mapping[str, Any], weights: h5py.File) -> Iterator[Layer]:
    if model["class_name"] != "Functional":
        raise ValueError(f"a {model['class_name']} model, not a functional one")
    config = model["config"]
    used: Counter[str] = Counter()
    for layer in config["layers"]:
        kind = layer["class_name"]
        if layer["module"] != "keras.layers" or layer.get("registered_name") or kind == "Lambda":
            raise ValueError(f"the layer {layer['name']!r} brings code of its own")
        stem = _snake_case(kind)
        folder = f"layers/{stem}_{used[stem]}" if used[stem] else f"layers/{stem}"
        used[stem] += 1
        yield Layer(
            layer["name"],
            kind,
            layer["config"],
            tuple(_sources(layer["inbound_nodes"])),
            _arrays(weights.get(f"{folder}/vars")),
        )
    if _names(config["output_layers"]) != [layer["name"]]:
        raise ValueError("the last layer is not the one output")


def _arrays(group: h5py.Group | None) -> tuple[Weights, ...]:
    if group is None:
        return ()
    return tuple(np.asarray(group[str(index)], np.float32) for index in range(len(group)))


def _sources(nodes: Any) -> Iterator[str]:
    """Yield the layers whose tensors the description of a call names, in order."""
    if isinstance(nodes, list):
        for node in nodes:
            yield from _sources(node)
    elif isinstance(nodes, dict):
        if nodes.get("class_name") == "__keras_tensor__":
            yield nodes["config"]["keras_history"][0]
        else:
            yield from _sources(list(nodes.values()))


def _names(outputs: list[Any]) -> list[str]:
    """Return the layers of a model's outputs: one [name, node, tensor], or a list of those."""
    return [outputs[0]] if isinstance(outputs[0], str) else [name for name, *_ in outputs]


def _snake_case(kind: str) -> str:
    """Return e.g. Conv2DTranspose as conv2d_transpose, as Keras names the weights of layers."""
    parts = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", parts).lower()
