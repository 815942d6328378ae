"""Networks compiled by OpenVINO: for batches of any shape, and for the shapes that come often."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from app.imaging.scale import Pixels
from app.inference.engines.runtime import openvino as ov

Shape = tuple[int, ...]

LARGE = 1 << 18
"""Pixels of a batch from which on the memory that it takes is worth releasing."""

FREQUENT = 1 << 21
"""Pixels of batches of one shape after which the network is compiled for it: a third of a second of
a core, when compiling takes a quarter of that.
"""

KEPT = 4
"""The most idle requests for one shape each that a network keeps: 10 MB, beside their batches."""


class Compiled:
    """A network, compiled once for each batch that is in progress at the same time.

    Compiled for one shape, it takes up to a tenth less time, and two fifths less memory; its
    results are the same, bit by bit. A batch of FREQUENT pixels has that at once, others when so
    many of their shape have come.
    """

    def __init__(self, model: Any, options: dict[str, Any]) -> None:
        self._model, self._options = model, options
        self._idle: list[_Request] = []
        """Those used last are at the end."""
        self._passed: Counter[Shape] = Counter()
        """Pixels by shape, without a request of its own, since the last was compiled."""
        self._lock = threading.Lock()

    def infer(self, noisy: Pixels, finish: Callable[[Pixels, Pixels], Pixels]) -> Pixels:
        """Return what `finish` makes of a batch and the network's result, which it must not keep:
        the next batch overwrites it.
        """
        large = noisy[..., 0].size > LARGE
        with _roomy if large else nullcontext():
            request = self._take(noisy.shape, large=large)
            if large:
                _roomy.hand_to(request)
            clean = request.infer(noisy, finish)
            self._give_back(request)  # unless it has failed: its state is unknown
        return clean

    def _take(self, shape: Shape, *, large: bool) -> "_Request":
        """Return an idle request that takes the shape, or a new one."""
        with self._lock:
            suited = [request for request in self._idle if request.shape == shape]
            fitted = not suited and self._is_frequent(shape)
            if not suited and not fitted:
                suited = [request for request in self._idle if request.shape is None]
            if suited:  # for a large batch preferably the roomy one, else rather not that
                best = min(suited, key=lambda request: (request is _roomy.keeper) != large)
                self._idle.remove(best)
                return best
        return _Request(self._model, self._options, shape if fitted else None)

    def _is_frequent(self, shape: Shape) -> bool:
        """Count a batch; return whether its shape has become frequent.

        The count of all begins anew then: among many shapes, none is worth it for long.
        """
        n, height, width, _ = shape
        self._passed[shape] += n * height * width
        if self._passed[shape] < FREQUENT:
            return False
        self._passed.clear()
        return True

    def _give_back(self, request: "_Request") -> None:
        with self._lock:
            self._idle.append(request)
            fitted = [each for each in self._idle if each.shape is not None]
            if len(fitted) > KEPT:
                self._idle.remove(fitted[0])


class _Request:
    """A compiled network that takes batches of one shape, or of any, one after the other."""

    def __init__(self, model: Any, options: dict[str, Any], shape: Shape | None) -> None:
        self.shape = shape
        if shape is not None:
            model = model.clone()
            model.reshape(list(shape))
        self._compiled = ov.Core().compile_model(model, "CPU", options)
        self._request = self._compiled.create_infer_request()
        self._lock = threading.Lock()

    def infer(self, noisy: Pixels, finish: Callable[[Pixels, Pixels], Pixels]) -> Pixels:
        """Do what `Compiled.infer` says."""
        with self._lock:
            try:
                found = self._request.infer([noisy], share_inputs=True, share_outputs=True)[0]
            except RuntimeError as error:
                raise MemoryError(f"the network found too little memory: {error}") from error
            clean = finish(noisy, found)
            if noisy[..., 0].size > LARGE:  # it would keep the batch and the result
                self._request = self._compiled.create_infer_request()
            return clean

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
