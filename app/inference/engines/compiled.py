"""Networks compiled by OpenVINO, for batches of any shape and for frequent shapes."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from app.imaging.scale import Pixels
from app.inference.engines.runtime import CORE

Shape = tuple[int, ...]

LARGE = 1 << 18
"""Pixels of a batch from which on its memory is worth releasing."""

FREQUENT = 1 << 21
"""Pixels in batches of one shape after which the network is compiled for that shape. They take a
core a third of a second; compiling takes a quarter of that.
"""

KEPT = 4
"""Idle requests for frequent shapes that a network keeps at most: 10 MB, besides their batches."""


class Compiled:
    """A network, compiled once for each batch that is in progress at the same time.

    Compiled for a single shape, it takes up to a tenth less time and two fifths less memory, with
    bit-identical results. This happens once batches of that shape add up to FREQUENT pixels, at
    once for a batch that has as many.
    """

    def __init__(self, model: Any, options: dict[str, Any]) -> None:
        self._model, self._options = model, options
        self._idle: list[_Request] = []
        """In order of use, the latest at the end."""
        self._passed: Counter[Shape] = Counter()
        """Pixels since the last compilation, by shape, of shapes without a request of their own."""
        self._lock = threading.Lock()

    def infer(self, noisy: Pixels, finish: Callable[[Pixels, Pixels], Pixels]) -> Pixels:
        """Run a batch, and return `finish(noisy, found)`, with what the network has found.

        The next batch overwrites that, so `finish` must not keep it.
        """
        large = noisy[..., 0].size > LARGE
        with _large_batch if large else nullcontext():
            request = self._take(noisy.shape, large=large)
            if large:
                _large_batch.hand_to(request)
            clean = request.infer(noisy, finish)
            self._give_back(request)  # not after a failure, when its state is unknown
        return clean

    def _take(self, shape: Shape, *, large: bool) -> "_Request":
        """Return an idle request that accepts the shape, or a new one."""
        with self._lock:
            suited = [request for request in self._idle if request.shape == shape]
            fitted = not suited and self._is_frequent(shape)
            if not suited and not fitted:
                suited = [request for request in self._idle if request.shape is None]
            if suited:  # large batches prefer the one that keeps their memory; others avoid it
                best = min(suited, key=lambda request: (request is _large_batch.keeper) != large)
                self._idle.remove(best)
                return best
        return _Request(self._model, self._options, shape if fitted else None)

    def _is_frequent(self, shape: Shape) -> bool:
        """Count a batch, and return whether its shape has become frequent.

        All counts then restart: among many shapes, none is worth compiling for.
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
    """A compiled network that runs one batch at a time, of one shape or of any."""

    def __init__(self, model: Any, options: dict[str, Any], shape: Shape | None) -> None:
        self.shape = shape
        if shape is not None:
            model = model.clone()
            model.reshape(list(shape))
        self._compiled = CORE.compile_model(model, "CPU", options)
        self._request = self._compiled.create_infer_request()
        self._lock = threading.Lock()

    def infer(self, noisy: Pixels, finish: Callable[[Pixels, Pixels], Pixels]) -> Pixels:
        """Run a batch, as `Compiled.infer` describes."""
        with self._lock:
            try:
                found = self._request.infer([noisy], share_inputs=True, share_outputs=True)[0]
            except RuntimeError as error:
                raise MemoryError(f"the network found too little memory: {error}") from error
            clean = finish(noisy, found)
            if noisy[..., 0].size > LARGE:  # the request would keep the batch and the result
                self._request = self._compiled.create_infer_request()
            return clean

    def forget(self) -> None:
        """Release its memory; the next batch allocates it again."""
        with self._lock:
            self._compiled.release_memory()


class _LargeBatch:
    """A lock for the one large batch that the process runs at a time.

    One request keeps the memory for it, hundreds of megabytes: allocating it anew would make each
    large batch take half as long again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.keeper: _Request | None = None

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def hand_to(self, request: _Request) -> None:
        """Let this request keep the memory; any other releases it, once idle."""
        if self.keeper not in (None, request):
            self.keeper.forget()
        self.keeper = request


_large_batch = _LargeBatch()
