"""Engines, which run networks. Each is a module here with a function `load`, as `Engine` describes
it, and optionally SIDES, which `sides` returns.

To add one, write such a module and name it in `NEEDS`; `choice.py` chooses among them.
"""

from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol, cast

import numpy as np

from app.imaging import tiling
from app.imaging.scale import Pixels

Forward = Callable[[Pixels], Pixels]
"""The forward pass, from tiles of shape [n, height, width, channels] to denoised tiles.

Tiles are uint8, uint16, or float32 in [0, 1], with one channel or three; the result has the same
shape and type. The network sees a grey tile as three equal channels, and the result is the mean of
its three. Values are clipped to the range of the type, and integers are rounded to nearest. Height
and width are multiples of the model's stride. A forward pass may be called from several threads at
once, with any number of tiles of any size; it raises MemoryError if the device is out of memory.
"""


def with_extra(forward: Forward) -> Forward:
    """Return a forward pass that also accepts an extra channel, the last, and runs it as grey."""

    def run(tiles: Pixels) -> Pixels:
        if tiles.shape[-1] in (1, 3):
            return forward(tiles)
        parts = tiles[..., :-1], tiles[..., -1:]
        return np.concatenate([forward(np.ascontiguousarray(part)) for part in parts], axis=-1)

    return run


class Precision(StrEnum):
    """The arithmetic of the convolutions."""

    AUTO = "auto"
    """bfloat16 if the processor has instructions for it, else float32."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    """Half the time per pixel with AVX512-BF16 or AMX, for a few hundredths of a dB."""

    def is_narrow(self, *, suits: bool) -> bool:
        """Return whether to use bfloat16, given whether it `suits` the device."""
        return self is Precision.BFLOAT16 or (self is Precision.AUTO and suits)


class Engine(Protocol):
    """The interface of an engine's module."""

    def load(self, path: Path, precision: Precision, threads: int) -> Forward:
        """Load the .keras file at `path` and return its forward pass.

        `threads` limits the threads of one pass; 0 takes all cores. Some engines set precision and
        threads for the whole process, with the first model. Raises BadModelPackage if the file
        contains no model, or one with code of its own.
        """


EngineName = Literal["tensorflow", "openvino", "jax"]

REFERENCE: EngineName = "tensorflow"
"""The engine that the others are tested against."""

NEEDS: dict[EngineName, str] = {REFERENCE: "tensorflow", "openvino": "openvino", "jax": "jax"}
"""The engines, and the package that each requires."""


def installed() -> list[EngineName]:
    """Return the names of the engines that are installed, in the order of NEEDS."""
    return [name for name, package in NEEDS.items() if find_spec(package)]


def suitable() -> list[EngineName]:
    """Return those of `installed` that are worth a trial: JAX only with an accelerator.

    Whether JAX has a plugin for one is found without importing it, which would take a second.
    """
    has_plugin = bool(entry_points(group="jax_plugins"))
    return [name for name in installed() if name != "jax" or has_plugin]


def sides(name: EngineName) -> tuple[int, ...]:
    """Return the sides of tiles for an engine; fewer if it compiles each shape anew."""
    found: tuple[int, ...] = getattr(engine(name), "SIDES", tiling.SIDES)
    return found


def engine(name: EngineName) -> Engine:
    """Import and return the engine of that name, which may take seconds.

    Raises ModuleNotFoundError if its package is not installed.
    """
    return cast("Engine", import_module(f"{__name__}.{name}"))
