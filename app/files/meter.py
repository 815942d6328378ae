"""The progress of the images in progress, for large ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.inference.job import Progress


class Meter:
    """The images in progress; thread-safe."""

    def __init__(self) -> None:
        self._followed: dict[int, tuple[Progress, int]] = {}

    @contextmanager
    def following(self, files: int) -> Iterator[Progress]:
        """Yield a progress to be updated for an image that consists of `files`."""
        progress = Progress()
        self._followed[id(progress)] = progress, files
        try:
            yield progress
        finally:
            del self._followed[id(progress)]

    @property
    def files(self) -> float:
        """The completed work on images in progress, in files."""
        followed = list(self._followed.values())
        return sum(files * each.done / each.planned for each, files in followed if each.planned)
