"""Picture files by the hundred: found, worked on side by side, and written whole or not at all."""

import os
import threading
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.imaging import formats
from app.imaging.codec import Format, ImagingError, Picture, UnsupportedImage, read_header

PIXELS_AT_ONCE = 64_000_000
"""Of the pictures that are in memory at a time; one that is larger goes alone."""


class Status(StrEnum):
    """What became of a file."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class Source:
    """A file to read, and the name that its result has below the output folder."""

    path: Path
    name: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a file: the target where it was written or had been before, or why not."""

    source: Path
    status: Status
    target: Path | None = None
    reason: str | None = None
    pixels: int = 0


@dataclass(frozen=True)
class Job:
    """What is done to each file."""

    read: Callable[[bytes], Picture]
    work: Callable[[Picture], Picture]
    write: Callable[[Picture, Format], bytes]
    format_for: Callable[[Picture], Format]
    """The format of a result in a folder."""
    format: Format | None
    """That of a single file, where it is not to follow from the suffix."""
    output: Path
    into_folder: bool
    """Whether `output` is a folder, in which what is there already is left as it is."""
    overwrite: bool = False


def find(inputs: Sequence[Path], output: Path) -> tuple[list[Source], list[Outcome]]:
    """The files that are meant by files, folders (with all below) and wildcards, in order.

    What lies in the output folder is not taken from a folder again. An input that is not there,
    holds no picture, or has a result of the same name as one before it, is a failed outcome.
    """
    sources: dict[Path, Source] = {}
    failed: list[Outcome] = []
    for given in inputs:
        try:
            found = list(_below(given, output))
        except (OSError, ValueError) as error:  # a name too long, a wildcard that is none
            reason = error.strerror if isinstance(error, OSError) else str(error)
            failed.append(Outcome(given, Status.FAILED, reason=reason))
            continue
        if not found:
            failed.append(Outcome(given, Status.FAILED, reason="no picture here"))
        for source in found:
            first = sources.setdefault(source.name, source)
            if first.path != source.path:
                reason = f"the result would have the name of that of {first.path}"
                failed.append(Outcome(source.path, Status.FAILED, reason=reason))
    return list(sources.values()), failed


def is_folder(inputs: Sequence[Path], output: Path) -> bool:
    """Whether the output is a folder: by its look, or since more than one file may come of it."""
    looks_like_one = output.is_dir() or not output.suffix
    return looks_like_one or len(inputs) > 1 or not _is_file(inputs[0])


def run(sources: Iterable[Source], job: Job, threads: int) -> Iterator[Outcome]:
    """The outcome of each file, as they come; one that fails does not stop the others.

    Many threads read, decode, wait for the work, encode and write, so that the work itself always
    has a next picture.
    """
    sources, room = list(sources), Room(PIXELS_AT_ONCE)
    taken = {source.path.resolve(): source.path for source in sources}
    with ThreadPoolExecutor(threads, "file") as pool:
        futures = [
            pool.submit(_convert_each, namesakes, job, room, taken)
            for namesakes in _namesakes(sources)
        ]
        try:
            for future in as_completed(futures):
                yield from future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _is_file(path: Path) -> bool:
    return not path.is_dir() and not (_is_pattern(path) and not path.exists())


def _is_pattern(path: Path) -> bool:
    return any(sign in str(path) for sign in "*?[")


def _below(given: Path, output: Path) -> Iterator[Source]:
    if given.is_dir():
        taken_suffixes = formats.suffixes()  # a file that is named is taken whatever its own
        within = output.resolve() if given.resolve() in output.resolve().parents else None
        for path in sorted(given.rglob("*")):
            taken = path.suffix.lower() in taken_suffixes and path.is_file()
            if taken and within not in path.resolve().parents:
                yield Source(path, path.relative_to(given))
    elif _is_pattern(given) and not given.exists():
        root = Path(given.anchor)
        for path in sorted(root.glob(str(given.relative_to(root)))):
            yield from _below(path, output)
    else:
        yield Source(given, Path(given.name))


def _namesakes(sources: Iterable[Source]) -> Iterable[list[Source]]:
    """The sources, those together that differ in their suffix alone: results may come to one name.

    Among them come first those in a format that is written, whose suffix a result may well have.
    """
    groups: dict[Path, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.name.with_suffix(""), []).append(source)
    return [sorted(group, key=lambda s: _named(s.name) is None) for group in groups.values()]


def _convert_each(
    namesakes: list[Source], job: Job, room: "Room", taken: MutableMapping[Path, Path]
) -> list[Outcome]:
    """One after the other; the first of two that come to one name has it.

    `taken` are the files that none may replace, with the source that each is or is of.
    """
    outcomes, taken = [], ChainMap({}, taken)
    for source in namesakes:
        outcome = _convert(source, job, room, taken)
        if outcome.target is not None:
            taken[outcome.target.resolve()] = source.path
        outcomes.append(outcome)
    return outcomes


def _convert(source: Source, job: Job, room: "Room", taken: Mapping[Path, Path]) -> Outcome:
    try:
        data = source.path.read_bytes()
        size = read_header(data).size
        with room.hold(size):
            picture = job.read(data)
            target, format_ = _target(source, job, picture)
            if owner := taken.get(target.resolve()):
                is_input = owner.resolve() == target.resolve()
                what = "replace the input" if is_input else "have the name of that of"
                raise FileExistsError(f"the result would {what} {owner}")
            if target.exists() and job.into_folder and not job.overwrite:
                return Outcome(source.path, Status.SKIPPED, target)
            result = job.write(job.work(picture), format_)
        _write_whole(target, result)
    except OSError as error:
        return Outcome(source.path, Status.FAILED, reason=error.strerror or str(error))
    except ImagingError as error:
        return Outcome(source.path, Status.FAILED, reason=str(error))
    except Exception as error:  # whatever it is, the other files go on
        reason = f"{type(error).__name__}: {error}"
        return Outcome(source.path, Status.FAILED, reason=reason)
    return Outcome(source.path, Status.DONE, target, pixels=size)


def _target(source: Source, job: Job, picture: Picture) -> tuple[Path, Format]:
    """Where the result goes, and in which format."""
    if not job.into_folder:
        return job.output, job.format or Format(formats.of_name(job.output.suffix).name)
    format_ = job.format_for(picture)
    same = _named(source.name) is format_
    return job.output / (source.name if same else source.name.with_suffix(f".{format_}")), format_


def _named(path: Path) -> Format | None:
    try:
        return Format(formats.of_name(path.suffix).name)
    except UnsupportedImage:
        return None


def _write_whole(target: Path, data: bytes) -> None:
    """Writes beside the target and renames: a kill or a full disk leaves no half of a picture."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


class Room:
    """Pixels that may be in memory at a time; whoever finds none waits."""

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Wait for so many, or for all to be free, and give them back at the end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._held or self._held + pixels <= self._pixels)
            self._held += pixels
        try:
            yield
        finally:
            with self._changed:
                self._held -= pixels
                self._changed.notify_all()
