"""One picture from store to store, and the row that tells what became of it."""

import time
from collections.abc import Callable
from pathlib import PurePosixPath

from app.bulk.results import FOLDER, Row, State, now
from app.bulk.store import Source, Store, StoreError
from app.imaging import formats
from app.imaging.codec import (
    Format,
    ImagingError,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.pipeline import Result


class TooLarge(ImagingError):
    """The file has more bytes than are taken."""


CODES: dict[type[Exception], str] = {
    UnreadableImage: "unreadable-image",
    TooManyPixels: "too-many-pixels",
    UnsupportedImage: "unsupported-media-type",
    UnsuitableFormat: "unsuitable-format",
    TooLarge: "too-large",
    FileNotFoundError: "not-found",
    PermissionError: "forbidden",
    OSError: "store-error",
    StoreError: "store-error",
}
"""Problem codes, those of the service where it has the problem, too."""


class Converter:
    """Reads from one store, denoises, and writes into another; called from many threads."""

    def __init__(
        self,
        sources: Store,
        targets: Store,
        pipeline: Callable[[bytes], Result],
        *,
        options: str,
        max_bytes: int,
    ) -> None:
        """`options` is how rows tell what `pipeline` was asked for; `max_bytes` are of a file."""
        self._sources, self._targets, self._pipeline = sources, targets, pipeline
        self._options, self._max_bytes = options, max_bytes

    def known(self, source: Source) -> Source:
        """A source that was named and not listed, with its size and version if it is there."""
        if source.version:
            return source
        try:
            return self._sources.find(source.key)
        except (OSError, StoreError):  # to read it will fail alike, and make a row
            return source

    def __call__(self, source: Source) -> Row:
        """The row of a picture, whatever became of it."""
        began, target, result = time.monotonic(), None, None
        code = detail = None
        try:
            result = self._pipeline(self._read(source))
            target = target_key(source.key, result.format)
            self._targets.write(target, result.data)
        except Exception as error:  # whatever it is, the other pictures go on
            code, detail = code_of(error), str(error) or type(error).__name__
        return Row(
            source=source.url,
            target=None if code or target is None else self._targets.url(target),
            state=State.FAILED if code else State.DONE,
            code=code,
            detail=detail,
            sigma=None if code or result is None else result.sigma,
            seconds=time.monotonic() - began,
            bytes=None if code or result is None else len(result.data),
            version=source.version,
            options=self._options,
            finished=now(),
        )

    def _read(self, source: Source) -> bytes:
        """Raises TooLarge before more than the limit is in memory."""
        if source.size is not None and source.size > self._max_bytes:
            raise TooLarge(f"The file has more than {self._max_bytes} bytes.")
        limit = self._max_bytes + 1 if source.size is None else None
        data = self._sources.read(source.key, limit)
        if len(data) > self._max_bytes:
            raise TooLarge(f"The file has more than {self._max_bytes} bytes.")
        return data


def target_key(key: str, format_: Format) -> str:
    """The name of a result: that of its source, with a suffix more where the format is another.

    a.png stays a.png, and a.bmp becomes a.bmp.png: no two sources come to one name.
    """
    try:
        own = formats.of_name(formats.parted(key)[1]).name
    except UnsupportedImage:
        own = ""
    return key if own == format_ else f"{key}{formats.FORMATS[format_].suffix}"


def is_picture(key: str) -> bool:
    """Whether a key that is listed looks like a picture, and not like one of our own files."""
    return formats.is_called_one(key) and FOLDER not in PurePosixPath(key).parts


def code_of(error: Exception) -> str:
    """The problem that an error is."""
    kinds = (code for kind, code in CODES.items() if isinstance(error, kind))
    return next(kinds, "internal-error")
