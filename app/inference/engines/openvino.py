"""Keras models on OpenVINO, without TensorFlow: for processors."""

from pathlib import Path
from typing import Any

import numpy as np

from app.imaging.scale import Pixels, white
from app.inference.engines import Forward, Precision
from app.inference.engines.bfloat16 import has_bfloat16
from app.inference.engines.compiled import Compiled
from app.inference.engines.keras_file import read_layers
from app.inference.engines.layers import UnknownLayer
from app.inference.engines.opset import Network, translate
from app.inference.store import BadModelPackage


def load(path: Path, precision: Precision, threads: int) -> Forward:
    """Load a model as `Engine` says; translating the network takes a tenth of a second.

    Also raises BadModelPackage for a network with unknown layers.
    """
    try:
        network = translate(read_layers(path))
    except UnknownLayer as error:
        raise BadModelPackage(f"{path} cannot be loaded by OpenVINO: {error}") from error
    options = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision.is_narrow(suits=has_bfloat16()) else "f32",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # else the threads of all workers would share the same cores
    }
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    return _Engine(network, options).forward


class _Engine:
    """A network with its scaling and rounding, which NumPy does faster than OpenVINO."""

    def __init__(self, network: Network, options: dict[str, Any]) -> None:
        self._network, self._compiled = network, Compiled(network.model, options)

    def forward(self, tiles: Pixels) -> Pixels:
        """Run the network on tiles, as `Forward` says."""
        is_grey, scale = tiles.shape[-1] == 1, np.float32(white(tiles.dtype))
        noisy = np.divide(tiles, scale, dtype=np.float32)
        seen = np.repeat(noisy, 3, axis=-1) if is_grey else noisy
        clean = self._compiled.infer(seen, self._network.finish)
        if is_grey:
            clean = clean.mean(axis=-1, keepdims=True)
        np.clip(clean, 0.0, 1.0, out=clean)
        if scale != 1:
            clean *= scale
            np.rint(clean, out=clean)
        return clean.astype(tiles.dtype, copy=False)
