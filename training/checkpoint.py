"""Save and load the complete state of training, and networks."""

import io
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from app.settings import PROJECT
from training.errors import TrainingError
from training.files import write


def save_state(model: keras.Model, epochs: int, path: Path) -> None:
    """Write weights, optimizer, EMA weights and random state after `epochs` to `path`."""
    arrays = {f"v{i}": ops.convert_to_numpy(v.value) for i, v in enumerate(_variables(model))}
    buffer = io.BytesIO()
    np.savez(buffer, epoch=epochs, **arrays)
    write(path, buffer.getvalue())


def load_state(model: keras.Model, path: Path) -> int:
    """Restore what `save_state` wrote, and return the number of completed epochs.

    Raises TrainingError if the state belongs to another network or optimizer.
    """
    variables = _variables(model)
    with np.load(path) as state:
        shapes = [state[f"v{i}"].shape for i in range(len(state.files) - 1)]
        if shapes != [tuple(variable.shape) for variable in variables]:
            raise TrainingError(f"{path} is of another network or optimizer: start a new run")
        for index, variable in enumerate(variables):
            variable.assign(state[f"v{index}"])
        return int(state["epoch"])


def copy_averaged(model: keras.Model, network: keras.Model, twin: keras.Model) -> None:
    """Copy the EMA weights of `network` to `twin`, or else its weights.

    `network` is the part of `model` that learns; its own weights stay unchanged.
    """
    live = network.get_weights()
    model.optimizer.finalize_variable_values(model.trainable_variables)
    twin.set_weights(network.get_weights())
    network.set_weights(live)


def take_weights(network: keras.Model, source: keras.Model) -> list[str]:
    """Copy the weights of layers in `source` to the layers of the same names in `network`.

    So a network with more blocks continues from a smaller one, and one with fewer from a part of a
    larger one. Returns the names of the layers without a counterpart. Raises TrainingError if the
    shapes of a layer differ, or if no layer has a counterpart.
    """
    known = {layer.name: layer.get_weights() for layer in source.layers}
    learning = [layer for layer in network.layers if layer.weights]
    fresh = [layer.name for layer in learning if not known.get(layer.name)]
    if len(fresh) == len(learning):
        raise TrainingError("the network to start from has no layer of the experiment's")
    for layer in learning:
        if layer.name in fresh:
            continue
        shapes = [[tuple(w.shape) for w in ws] for ws in (layer.weights, known[layer.name])]
        if shapes[0] != shapes[1]:
            raise TrainingError(
                f"layer {layer.name} of the network to start from is of another shape than the "
                "experiment's"
            )
        layer.set_weights(known[layer.name])
    return fresh


def save_network(network: keras.Model, *paths: Path) -> None:
    """Write `network` to .keras files."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.keras"  # Keras writes only to a path, and not atomically
        network.save(file)
        content = file.read_bytes()
    for path in paths:
        write(path, content)


def load_network(path: Path) -> Any:
    """Return the network in a .keras file, or in a folder that holds model.keras.

    A relative path that does not exist is looked up in the project, so that models/NAME works
    wherever a command is run. Raises TrainingError if there is no network, or if it needs code of
    its own.
    """
    return read_network(path)[0]


def read_network(path: Path) -> tuple[Any, bytes]:
    """Return the same network with the bytes that it was read from, since a run may replace the
    file meanwhile.
    """
    place = path if path.exists() or not (PROJECT / path).exists() else PROJECT / path
    file = place / "model.keras" if place.is_dir() else place
    try:
        content = file.read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "network.keras"  # Keras reads only from a path
            copy.write_bytes(content)
            return keras.models.load_model(copy, compile=False, safe_mode=True), content
    except Exception as error:
        raise TrainingError(f"{file} cannot be loaded: {error}") from error


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
