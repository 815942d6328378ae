"""Denoise images from store to store, and record each outcome in a row."""

import time
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from app.bulk.results import FOLDER
from app.bulk.rows import Row, State, now
from app.bulk.store import Source, Store, StoreError
from app.imaging import formats
from app.imaging.picture import Format, ImagingError, UnsupportedImage
from app.sandbox.faults import WorkerLost
from app.service.options import DenoiseOptions
from app.service.pipeline import Result
from app.service.room import BYTES_AT_ONCE, Room, check_size, largest_file

UNKNOWN_BYTES = 32 << 20
"""The assumed size of a file if the store does not report it."""

CODES: dict[type[Exception], str] = {
    MemoryError: "no-memory",
    FileNotFoundError: "not-found",
    PermissionError: "forbidden",
    OSError: "store-error",
    StoreError: "store-error",
}
"""Problem codes of errors that have none of their own."""


class Converter:
    """Read from one store, denoise, and write to another; called from many threads."""

    def __init__(
        self,
        sources: Store,
        targets: Store,
        pipeline: Callable[[bytes], Result],
        *,
        options: str,
        max_pixels: int,
    ) -> None:
        """Take `options` as rows record them, and `max_pixels`, the limit on an image."""
        self._sources, self._targets, self._pipeline = sources, targets, pipeline
        self._options, self._max_pixels = options, max_pixels
        self._room = Room(BYTES_AT_ONCE)

    def __call__(self, source: Source) -> Row:
        """Convert an image; return its row, whatever the outcome."""
        began = time.monotonic()
        try:
            outcome = self._converted(source)
        except Exception as error:  # whatever it is, the other images continue
            outcome = failure(error)
        return Row(
            source=source.url,
            seconds=time.monotonic() - began,
            version=source.version,
            options=self._options,
            finished=now(),
            **outcome,
        )

    def _converted(self, source: Source) -> dict[str, Any]:
        """Convert an image; return the fields of its row that describe the result."""
        check_size(source.size or 0, self._max_pixels)
        with self._room.hold(source.size or UNKNOWN_BYTES):
            result = self._pipeline(self._read(source))
            target = target_key(source.key, result.format)
            self._targets.write(target, result.data)
        return {
            "target": self._targets.url(target),
            "state": State.DONE,
            "model": result.model,
            "sigma": result.sigma,
            "bytes": len(result.data),
        }

    def _read(self, source: Source) -> bytes:
        """Read a file; raise TooLarge before more than the limit has been read."""
        limit = largest_file(self._max_pixels) + 1 if source.size is None else None
        data = self._sources.read(source.key, limit)
        check_size(len(data), self._max_pixels)
        return data


def target_key(key: str, format_: Format) -> str:
    """Return the key of a result: that of its source, with a second suffix if the format differs.

    a.png stays a.png, and a.bmp becomes a.bmp.png, so that no two sources share a result.
    """
    try:
        own = formats.of_name(formats.parted(key)[1]).name
    except UnsupportedImage:
        own = ""
    return key if own == format_ else f"{key}{formats.FORMATS[format_].suffix}"


def is_picture(key: str) -> bool:
    """Return whether a listed key looks like an image and is not in our own folder."""
    return formats.is_called_one(key) and FOLDER not in PurePosixPath(key).parts


def failure(error: Exception) -> dict[str, Any]:
    """Return the fields of the row of an image that failed."""
    words = error.reason if isinstance(error, WorkerLost) else str(error)
    return {
        "state": State.FAILED,
        "code": _code_of(error),
        "detail": words or type(error).__name__,
    }


def _code_of(error: Exception) -> str:
    if isinstance(error, ImagingError | WorkerLost):
        return error.code
    kinds = (code for kind, code in CODES.items() if isinstance(error, kind))
    return next(kinds, "internal-error")


def asked_for(options: DenoiseOptions, model: str) -> str:
    """Return the options as rows record them: the default model, and what differs from defaults.

    They decide whether an image is done, so a special model for scans is not recorded here.
    """
    given = options.model_dump(exclude_defaults=True, exclude={"model"}, mode="json")
    return " ".join([f"model={model}", *(f"{name}={given[name]}" for name in sorted(given))])
