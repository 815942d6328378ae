"""Keras models on OpenVINO: for processors, without TensorFlow."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from app.imaging.scale import Pixels, white
from app.inference.engines import Forward, Precision
from app.inference.engines.bfloat16 import has_bfloat16
from app.inference.engines.keras_file import read_layers
from app.inference.engines.layers import UnknownLayer
from app.inference.engines.opset import Network, translate
from app.inference.engines.runtime import openvino as ov
from app.inference.store import BadModelPackage

LARGE = 1 << 18
"""Pixels of a batch from which on the memory that it takes is worth releasing."""


def load(path: Path, precision: Precision, threads: int) -> Forward:
    """Load a model as `Engine` says; translating the network takes a tenth of a second.

    Raises BadModelPackage, too, for a network with unknown layers.
    """
    try:
        network = translate(read_layers(path))
    except UnknownLayer as error:
        raise BadModelPackage(f"{path} cannot be loaded by OpenVINO: {error}") from error
    automatic = precision is Precision.AUTO and has_bfloat16()
    narrow = automatic or precision is Precision.BFLOAT16
    options = {
        "INFERENCE_PRECISION_HINT": "bf16" if narrow else "f32",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # the threads of all workers would use the same cores
    }
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    return _Engine(network, options).forward


class _Request:
    """A compiled network that takes batches of any shape, one after the other."""

    def __init__(self, model: Any, options: dict[str, Any]) -> None:
        self._compiled = ov.Core().compile_model(model, "CPU", options)
        self._request = self._compiled.create_infer_request()
        self._lock = threading.Lock()

    def infer(self, noisy: Pixels, finish: Callable[[Pixels, Pixels], Pixels]) -> Pixels:
        """Return what `finish` makes of a batch and the network's result, which it must not keep:
        the next batch overwrites it.
        """
        with self._lock:
            try:
                found = self._request.infer([noisy], share_inputs=True, share_outputs=True)[0]
            except RuntimeError as error:
                raise MemoryError(f"the network found too little memory: {error}") from error
            return finish(noisy, found)

    def forget(self) -> None:
        """Release its memory, which the next batch has to allocate again."""
        with self._lock:
            self._compiled.release_memory()


class _Roomy:
    """The one request of the process that keeps the memory of a large batch, hundreds of megabytes:
    allocating it anew would make each such batch take half as long again.

    To be held, as a lock, during a large batch: one is in progress at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.keeper: _Request | None = None

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def hand_to(self, request: _Request) -> None:
        """Have the last keeper release its memory, if that is another, once it is idle."""
        if self.keeper not in (None, request):
            self.keeper.forget()
        self.keeper = request


_roomy = _Roomy()


class _Engine:
    """A network, compiled once for each batch that is in progress at the same time.

    Scaling and rounding are done in NumPy, which takes less time than OpenVINO's operations.
    """

    def __init__(self, network: Network, options: dict[str, Any]) -> None:
        self._network, self._options = network, options
        self._idle: list[_Request] = []
        self._lock = threading.Lock()

    def forward(self, tiles: Pixels) -> Pixels:
        """Run the network on tiles, as `Forward` says."""
        is_grey, scale = tiles.shape[-1] == 1, np.float32(white(tiles.dtype))
        noisy = np.divide(tiles, scale, dtype=np.float32)
        clean = self._infer(np.repeat(noisy, 3, axis=-1) if is_grey else noisy)
        if is_grey:
            clean = clean.mean(axis=-1, keepdims=True)
        np.clip(clean, 0.0, 1.0, out=clean)
        if scale != 1:
            clean *= scale
            np.rint(clean, out=clean)
        return clean.astype(tiles.dtype, copy=False)

    def _infer(self, noisy: Pixels) -> Pixels:
        large = noisy[..., 0].size > LARGE
        with _roomy if large else nullcontext():
            request = self._take(large)
            if large:
                _roomy.hand_to(request)
            clean = request.infer(noisy, self._network.finish)
            with self._lock:  # unless it has failed: its state is unknown
                self._idle.append(request)
        return clean

    def _take(self, large: bool) -> _Request:
        """Return an idle request, for a large batch preferably the roomy one, or a new one."""
        with self._lock:
            if self._idle:
                best = min(self._idle, key=lambda request: (request is _roomy.keeper) != large)
                self._idle.remove(best)
                return best
        return _Request(self._network.model, self._options)
