"""Find the files that the user's arguments refer to, and where each result goes."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.console import Misuse
from app.imaging import formats
from app.imaging.formats.dicom import DIRECTORY, is_scan
from app.imaging.picture import Change

STANDARD = Path("-")
"""Standard input, or standard output."""


class Status(StrEnum):
    """The outcome of a file."""

    DONE = "done"
    SKIPPED = "skipped"
    LEFT_OUT = "left out"
    FAILED = "failed"


@dataclass(frozen=True)
class Source:
    """A file to read, and where its result goes."""

    path: Path
    target: Path
    """Where the result goes, with the source's suffix; unless `exact`, the suffix of the result's
    format replaces it.
    """
    exact: bool = False
    """Whether the target is a file named by the user: it is used as is, and overwritten."""

    @property
    def stem(self) -> Path:
        """The target without the suffix that follows from the format."""
        if self.exact:
            return _stem(self.target)
        suffix = formats.parted(self.path.name)[1]
        return self.target.with_name(self.target.name.removesuffix(suffix))


@dataclass(frozen=True)
class Outcome:
    """The outcome of a file: its target if it exists, or else the reason."""

    source: Path
    status: Status
    target: Path | None = None
    reason: str | None = None
    pixels: int = 0
    seconds: float | None = None
    """Time from before reading the file until its result was written, many being in progress."""
    model: str | None = None
    """Name of the model that denoised it."""
    sigma: float | None = None
    """Standard deviation of the noise found, as a fraction of the working range."""
    changes: tuple[Change, ...] = ()
    """What differs from the source in the target, or is missing there."""


def find(
    inputs: Sequence[Path], output: Path | None, word: str
) -> tuple[list[Source], list[Outcome]]:
    """Return the sources that files, folders and wildcards refer to, in order, and other outcomes.

    Folders are searched recursively. Without an `output`, names of results contain `word`:
    photo.jpg becomes photo.WORD.jpg beside it, and files below scans go below scans.WORD. Files in
    the output folder are never taken as sources. Every file that is not taken is an outcome: left
    out if its name is not that of an image or if it is a result itself; failed if it does not exist
    or cannot be searched, contains no image, or would have a result of the same name as an earlier
    one.

    Raises Misuse if more than one image would go to standard output.
    """
    into_folder = output is not None and is_folder(inputs, output)
    if output == STANDARD and (len(inputs) > 1 or not _is_file(inputs[0])):
        raise Misuse("standard output takes one image: name a folder with -o")
    search = _Search(output, word, into_folder)
    for given in inputs:
        search.take(given)
    return search.result()


def is_folder(inputs: Sequence[Path], output: Path) -> bool:
    """Return whether the output is a folder, by its name or because of several inputs."""
    if output == STANDARD:
        return False
    looks_like_one = _holds(output.is_dir) or not output.suffix
    return looks_like_one or len(inputs) > 1 or not _is_file(inputs[0])


class _Search:
    """Collect the sources, and the outcomes of the files that are not sources."""

    def __init__(self, output: Path | None, word: str, into_folder: bool) -> None:
        self._output, self._word, self._into_folder = output, word, into_folder
        self._sources: dict[Path, Source] = {}
        self._outcomes: list[Outcome] = []
        self._met = 0
        """The number of images that exist or should exist, counting repeated ones."""

    def take(self, given: Path) -> None:
        """Take the files that an argument refers to, or record why that is impossible."""
        try:
            self._take(given)
        except (OSError, ValueError) as error:  # a name too long, or an invalid wildcard
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.failed(given, reason)

    def _take(self, given: Path) -> None:
        before = self._met
        if given == STANDARD:
            self._add(Source(STANDARD, *self._place(Path("stdin"), STANDARD)))
        elif given.is_dir():
            self._take_folder(given)
        elif _is_pattern(given) and not given.exists():
            root = Path(given.anchor)
            for path in sorted(root.glob(str(given.relative_to(root)))):
                self.take(path)
        else:
            stem, suffix = formats.parted(given.name)
            beside = given.with_name(f"{stem}.{self._word}{suffix}")
            self._add(Source(given, *self._place(Path(given.name), beside)))
        if self._met == before:
            self.failed(given, "no image here")

    def failed(self, path: Path, reason: str | None) -> None:
        """Record a file that cannot be taken."""
        self._met += 1
        self._outcomes.append(Outcome(path, Status.FAILED, reason=reason))

    def result(self) -> tuple[list[Source], list[Outcome]]:
        """Return the sources and the outcomes."""
        stems = {source.stem: source.path for source in self._sources.values()}
        taken = []
        for source in self._sources.values():
            path = source.path
            if self._output is None and stems.get(_stem(path), path) != path:
                self._leave_out(source.path, "the result of another file")
            else:
                taken.append(source)
        return taken, self._outcomes

    def _place(self, name: Path, beside: Path) -> tuple[Path, bool]:
        """Return where the result of a file goes, and whether that name is exact."""
        if self._output is None:
            return beside, beside == STANDARD
        if self._into_folder:
            return self._output / name, False
        return self._output, True

    def _take_folder(self, folder: Path) -> None:
        whole = folder if folder.name else folder.resolve()
        output = self._output or whole.with_name(f"{whole.name}.{self._word}")
        for path in self._below(folder, os.path.realpath(output)):
            # a file named by the user is taken whatever its suffix
            if _holds(path.is_dir):
                self._leave_out(path, "a link to a folder")
            elif _holds(path.exists) and not path.is_file():
                self._leave_out(path, "not a file")
            elif path.stem == DIRECTORY or not (formats.is_called_one(path.name) or is_scan(path)):
                self._leave_out(path, "not a supported kind of image")
            else:
                self._add(Source(path, output / path.relative_to(folder)))

    def _below(self, folder: Path, output: str) -> Iterator[Path]:
        """Yield the files below a folder, except those in the output, and the links to folders."""

        def tell(error: OSError) -> None:
            self.failed(Path(error.filename), error.strerror)

        found = []
        for at, folders, files in os.walk(folder, onerror=tell):
            here = Path(at)
            found += [here / name for name in files]
            found += [here / name for name in folders if _holds((here / name).is_symlink)]
            folders[:] = [name for name in folders if os.path.realpath(here / name) != output]
        yield from sorted(found)

    def _add(self, source: Source) -> None:
        self._met += 1
        first = self._sources.setdefault(source.target, source)
        if first.path != source.path:
            reason = f"the result would have the same name as that of {first.path}"
            self.failed(source.path, reason)

    def _leave_out(self, path: Path, reason: str) -> None:
        self._outcomes.append(Outcome(path, Status.LEFT_OUT, reason=reason))


def _stem(path: Path) -> Path:
    return path.with_name(formats.parted(path.name)[0])


def _is_file(path: Path) -> bool:
    return not _holds(path.is_dir) and not (_is_pattern(path) and not _holds(path.exists))


def _holds(question: Callable[[], bool]) -> bool:
    """Evaluate a predicate of a path; it is False if the path cannot be looked up.

    Its name, or that of what it links to, may be too long, or in a folder that is closed to us.
    """
    try:
        return question()
    except OSError:
        return False


def _is_pattern(path: Path) -> bool:
    return any(sign in str(path) for sign in "*?[")
