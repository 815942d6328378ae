"""Process image files by the hundred: side by side, each result written whole or not at all."""

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
from app.service.room import Room

STOP_SECONDS = 0.5
"""Seconds that files being written have to be finished when the user stops the work."""


@dataclass(frozen=True)
class Worked:
    """An image that was processed, and facts about it."""

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
    """Chooses the format of a result, unless the name given by the user decides it."""
    format: Format | None
    """The format that the user asks for."""
    overwrite: bool = False
    """Whether existing results are written again."""


def run(sources: Iterable[Source], job: Job, threads: int) -> Generator[Outcome, None, None]:
    """Yield the outcome of each file as it is done; one that fails does not stop the others.

    Many threads read, decode, wait for the work, encode and write, so that the work itself always
    has a next image. When the generator is closed or interrupted, nothing more is written: files
    being written are finished, within STOP_SECONDS; the threads may run on for a while.
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
    """Group the sources that differ in their suffix alone, since their results may share a name.

    In each group, files in a format that is also written come first, since their results keep the
    suffix.
    """
    groups: dict[Path, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.stem, []).append(source)
    return [sorted(group, key=lambda s: _named(s.path) is None) for group in groups.values()]


class _Worker:
    """Apply a job to files; used by many threads."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._room = Room()
        self._writing = _Gate()

    def stop(self) -> None:
        """Let the files being written be finished, and start no others."""
        self._writing.close(STOP_SECONDS)

    def convert_each(
        self, namesakes: list[Source], taken: MutableMapping[Path, Path]
    ) -> list[Outcome]:
        """Convert sources one after the other; the first of two with the same result wins.

        `taken` maps files that must not be replaced to the source that each is, or is the result
        of.
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
        except Exception as error:  # whatever it is, the other files continue
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
                what = "replace the input" if is_input else "have the same name as that of"
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
    """Return where the result goes, and in which format."""
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
    """Write beside the target and rename, so that a kill or a full disk leaves no partial image."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


class _Gate:
    """A gate that lets any number of threads through at a time, until it is closed."""

    def __init__(self) -> None:
        self._within = 0
        self._closed = False
        self._changed = threading.Condition()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Pass the gate; raise InterruptedError if it is closed."""
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
        """Wait for the threads within, but no longer than `seconds`."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._within, seconds)
