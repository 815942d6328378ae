"""Engines run networks. Each is a module here with a function `load`, as `Engine` describes it.

To add one, write such a module and name it in `NEEDS`; `choice.py` chooses among them.
"""

from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol, cast

from app.imaging.scale import Pixels

Forward = Callable[[Pixels], Pixels]
"""The forward pass: tiles of shape [n, height, width, channels] to their denoised selves.

Tiles are uint8, uint16, or float32 in [0, 1], and have one channel or three; the result has the
same shape and type. The network sees a grey tile as three equal channels, and the result is their
mean. Values are clipped to the type's range, and integers are rounded to nearest. Height and width
are multiples of the model's stride. It is called from several threads at once, with any number of
tiles of any size, and raises MemoryError where the device has too little.
"""


class Precision(StrEnum):
    """The arithmetic of the convolutions."""

    AUTO = "auto"
    """bfloat16 where the processor has instructions for it, else float32."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    """Half the time per pixel with AVX512-BF16 or AMX, for a few hundredths of a dB."""


class Engine(Protocol):
    """What a module of this package offers."""

    def load(self, path: Path, precision: Precision, threads: int) -> Forward:
        """The forward pass of the model in the .keras file at `path`.

        `threads` bounds the threads of one pass; 0 takes all cores. An engine may be able to set
        precision and threads for the whole process alone, by the first model. Raises
        BadModelPackage where the file holds no model, or one that brings code.
        """


EngineName = Literal["tensorflow", "openvino"]

REFERENCE: EngineName = "tensorflow"
"""By which the others are measured."""

NEEDS: dict[EngineName, str] = {REFERENCE: "tensorflow", "openvino": "openvino"}
"""The engines, and the package that each needs."""


def installed() -> list[EngineName]:
    """The names of the engines that can be had here, in the order of NEEDS."""
    return [name for name, package in NEEDS.items() if find_spec(package)]


def engine(name: EngineName) -> Engine:
    """The engine of that name, which may take seconds to import.

    Raises ModuleNotFoundError where its package is not installed.
    """
    return cast("Engine", import_module(f"{__name__}.{name}"))
