"""Picture files by the hundred: worked on side by side, and written whole or not at all."""

import os
import sys
import threading
import time
from collections import ChainMap
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.finding import STANDARD, Outcome, Source, Status
from app.imaging import formats
from app.imaging.codec import Format, ImagingError, Picture, UnsupportedImage, read_header

PIXELS_AT_ONCE = 64_000_000
"""Of the pictures that are in memory at a time; one that is larger goes alone."""
STOP_SECONDS = 0.5
"""That files which are being written have to be done when the user stops the work."""


@dataclass(frozen=True)
class Worked:
    """A picture that was worked on, and what there is to tell of that."""

    picture: Picture
    model: str | None = None
    sigma: float | None = None


@dataclass(frozen=True)
class Job:
    """What is done to each file."""

    read: Callable[[bytes], Picture]
    work: Callable[[Picture], Worked]
    write: Callable[[Picture, Format], bytes]
    format_for: Callable[[Picture], Format]
    """The format of a result, unless it follows from the name that the user has given it."""
    format: Format | None
    """The one that the user asks for."""
    overwrite: bool = False
    """Whether results that are there already are written again."""


def run(sources: Iterable[Source], job: Job, threads: int) -> Generator[Outcome, None, None]:
    """The outcome of each file, as they come; one that fails does not stop the others.

    Many threads read, decode, wait for the work, encode and write, so that the work itself always
    has a next picture. When the generator is closed, or interrupted, nothing more is written: files
    that are being written are finished, within STOP_SECONDS; the threads may go on for a while.
    """
    sources = list(sources)
    taken = {source.path.resolve(): source.path for source in sources}
    worker = _Worker(job)
    pool = ThreadPoolExecutor(threads, "file")
    try:
        futures = [
            pool.submit(worker.convert_each, namesakes, taken) for namesakes in _namesakes(sources)
        ]
        for future in as_completed(futures):
            yield from future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        worker.stop()


def _namesakes(sources: Iterable[Source]) -> Iterable[list[Source]]:
    """The sources, those together that differ in their suffix alone: results may come to one name.

    Among them come first those in a format that is written, whose suffix a result may well have.
    """
    groups: dict[Path, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.stem, []).append(source)
    return [sorted(group, key=lambda s: _named(s.path) is None) for group in groups.values()]


class _Worker:
    """Does a job to files; used by many threads."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._room = Room(PIXELS_AT_ONCE)
        self._writing = _Gate()

    def stop(self) -> None:
        """Lets the files that are being written be finished, and no other be begun."""
        self._writing.close(STOP_SECONDS)

    def convert_each(
        self, namesakes: list[Source], taken: MutableMapping[Path, Path]
    ) -> list[Outcome]:
        """One after the other; the first of two that come to one name has it.

        `taken` are the files that none may replace, with the source that each is or is of.
        """
        outcomes, taken = [], ChainMap({}, taken)
        for source in namesakes:
            outcome = self._convert(source, taken)
            if outcome.target is not None:
                taken[outcome.target.resolve()] = source.path
            outcomes.append(outcome)
        return outcomes

    def _convert(self, source: Source, taken: Mapping[Path, Path]) -> Outcome:
        try:
            return self._converted(source, taken)
        except OSError as error:
            reason = error.strerror or str(error)
        except ImagingError as error:
            reason = str(error)
        except Exception as error:  # whatever it is, the other files go on
            reason = f"{type(error).__name__}: {error}"
        return Outcome(source.path, Status.FAILED, reason=reason)

    def _converted(self, source: Source, taken: Mapping[Path, Path]) -> Outcome:
        job, began = self._job, time.monotonic()
        data = sys.stdin.buffer.read() if source.path == STANDARD else source.path.read_bytes()
        size = read_header(data).size
        with self._room.hold(size):
            picture = job.read(data)
            target, format_ = _target(source, job, picture)
            if owner := taken.get(target.resolve()):
                is_input = owner.resolve() == target.resolve()
                what = "replace the input" if is_input else "have the name of that of"
                if target != STANDARD:
                    raise FileExistsError(f"the result would {what} {owner}")
            if target.exists() and not source.exact and not job.overwrite:
                return Outcome(source.path, Status.SKIPPED, target)
            worked = job.work(picture)
            result = job.write(worked.picture, format_)
        with self._writing.passing():
            if target == STANDARD:
                sys.stdout.buffer.write(result)
                sys.stdout.buffer.flush()
            else:
                _write_whole(target, result)
        return Outcome(
            source.path,
            Status.DONE,
            target,
            pixels=size,
            seconds=round(time.monotonic() - began, 3),
            model=worked.model,
            sigma=worked.sigma,
        )


def _target(source: Source, job: Job, picture: Picture) -> tuple[Path, Format]:
    """Where the result goes, and in which format."""
    target = source.target
    if source.exact and target != STANDARD:
        return target, job.format or Format(formats.of_name(formats.parted(target.name)[1]).name)
    format_ = job.format_for(picture)
    if source.exact or _named(source.path) is format_:
        return target, format_
    return source.stem.with_name(f"{source.stem.name}{formats.FORMATS[format_].suffix}"), format_


def _named(path: Path) -> Format | None:
    try:
        return Format(formats.of_name(formats.parted(path.name)[1]).name)
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


class _Gate:
    """Lets any number of threads through at a time, until it is closed."""

    def __init__(self) -> None:
        self._within = 0
        self._closed = False
        self._changed = threading.Condition()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Raises InterruptedError where it is closed."""
        with self._changed:
            if self._closed:
                raise InterruptedError("stopped")
            self._within += 1
        try:
            yield
        finally:
            with self._changed:
                self._within -= 1
                self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Waits for those within, but no longer than `seconds`."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._within, seconds)


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
