"""How much of the images in progress is done, for whoever waits for large ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.inference.job import Progress


class Meter:
    """The images in progress; safe to be used by many threads."""

    def __init__(self) -> None:
        self._followed: dict[int, tuple[Progress, int]] = {}

    @contextmanager
    def following(self, files: int) -> Iterator[Progress]:
        """Yield the progress of an image that is so many files, to be kept up to date."""
        progress = Progress()
        self._followed[id(progress)] = progress, files
        try:
            yield progress
        finally:
            del self._followed[id(progress)]

    @property
    def files(self) -> float:
        """Files' worth of work that is done on images in progress."""
        followed = list(self._followed.values())
        return sum(files * each.done / each.planned for each, files in followed if each.planned)
