"""Process many image files side by side, writing each result whole or not at all."""

import sys
import time
from collections import ChainMap
from collections.abc import Callable, Generator, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from os.path import realpath
from pathlib import Path
from typing import TypeVar

from app.files.finding import STANDARD, Outcome, Source, Status
from app.files.meter import Meter
from app.files.naming import namesakes, target_of
from app.files.scans import assemble, take_apart, volumes_among
from app.files.writing import Writer
from app.imaging.codec import Encoded
from app.imaging.picture import Format, Header, ImagingError, Picture, TooManyPixels
from app.inference.job import Progress
from app.sandbox.faults import WorkerLost
from app.sandbox.handles import SharedFile
from app.service.room import BYTES_AT_ONCE, Room, check_size, largest_file

T = TypeVar("T")

STOP_SECONDS = 0.5
"""Seconds to finish the files being written when the user stops the work."""


@dataclass(frozen=True)
class Worked:
    """An image that was processed, and facts about it."""

    picture: Picture
    model: str | None = None
    sigma: float | None = None


@dataclass(frozen=True)
class Conversion:
    """What is done to each file."""

    read_header: Callable[[bytes], Header]
    read: Callable[[bytes], Picture]
    work: Callable[[Picture, Progress], Worked]
    write: Callable[[Picture, Format], Encoded | SharedFile]
    format_for: Callable[[Picture], Format]
    """Chooses the format of a result, unless the user has given a name that decides it."""
    format: Format | None
    """The format that the user asks for."""
    overwrite: bool = False
    """Whether existing results are written again."""
    max_pixels: int = 64_000_000
    """The most pixels of an image, which may be a volume of several files."""


def run(
    sources: Iterable[Source], conversion: Conversion, threads: int, meter: Meter | None = None
) -> Generator[Outcome, None, None]:
    """Yield the outcome of each file as it is done; one that fails does not stop the others.

    DICOM files of one volume are processed as one image. `meter` follows the progress of images.

    Many threads read, decode, wait for the work, encode and write, so that the work always has a
    next image. When the generator is closed or interrupted, files being written are finished within
    STOP_SECONDS, and nothing more is written; the threads may continue for a while.
    """
    sources = list(sources)
    taken = {realpath(source.path): source.path for source in sources}
    worker = _Worker(conversion, meter or Meter())
    volumes = volumes_among(sources, conversion.max_pixels)
    in_volumes = {source.path for volume in volumes for source in volume}
    alone = [source for source in sources if source.path not in in_volumes]
    pool = ThreadPoolExecutor(threads, "file")
    try:
        futures = [
            *(pool.submit(worker.convert_volume, volume, taken) for volume in volumes),
            *(pool.submit(worker.convert_each, each, taken) for each in namesakes(alone)),
        ]
        for future in as_completed(futures):
            yield from future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        worker.stop()


class _Worker:
    """Convert files; used by many threads."""

    def __init__(self, conversion: Conversion, meter: Meter) -> None:
        self._conversion, self._meter = conversion, meter
        self._room, self._files = Room(), Room(BYTES_AT_ONCE)
        self._writer = Writer()

    def stop(self) -> None:
        """Finish the files being written, and start no others."""
        self._writer.close(STOP_SECONDS)

    def convert_each(
        self, namesakes: list[Source], taken: MutableMapping[str, Path]
    ) -> list[Outcome]:
        """Convert sources one after the other; the first of two with the same result wins.

        `taken` maps files that must not be replaced, by their real path, to the source that each is
        or results from.
        """
        outcomes, taken = [], ChainMap({}, taken)
        for source in namesakes:
            (outcome,) = self._guarded([source], partial(self._converted, source, taken))
            if outcome.target is not None:
                taken[realpath(outcome.target)] = source.path
            outcomes.append(outcome)
        return outcomes

    def convert_volume(self, sources: list[Source], taken: Mapping[str, Path]) -> list[Outcome]:
        """Convert the files of a volume together, without those that cannot be read."""
        return self._guarded(sources, partial(self._converted_volume, sources, taken))

    def _guarded(self, sources: list[Source], work: Callable[[], list[Outcome]]) -> list[Outcome]:
        """Return the outcomes of `work` on the sources; if it raises, they have all failed."""
        try:
            return work()
        except OSError as error:
            reason = error.strerror or str(error)
        except ImagingError as error:
            reason = str(error)
        except WorkerLost as error:
            reason = error.reason
        except Exception as error:  # whatever it is, the other files continue
            reason = f"{type(error).__name__}: {error}"
        return [Outcome(source.path, Status.FAILED, reason=reason) for source in sources]

    def _converted(self, source: Source, taken: Mapping[str, Path]) -> list[Outcome]:
        began = time.monotonic()
        with self._files.hold(self._size(source.path)):
            data = self._read(source.path)
            with self._room.hold(self._conversion.read_header(data).size):
                picture = self._conversion.read(data)
                return self._finished([source], [picture], picture, taken, began)

    def _converted_volume(self, sources: list[Source], taken: Mapping[str, Path]) -> list[Outcome]:
        began = time.monotonic()
        headers, failed = self._each(sources, self._conversion.read_header)
        size = sum(header.size for header in headers.values())
        if size > self._conversion.max_pixels:
            raise TooManyPixels(
                f"The {len(sources)} files of this volume declare {size} pixels; at most "
                f"{self._conversion.max_pixels} are taken."
            )
        with self._room.hold(size):
            read, damaged = self._each(headers, self._conversion.read)
            failed += damaged
            if not read:
                return failed
            volume, order = assemble(list(read), list(read.values()))
            good = [list(read)[number] for number in order]
            pictures = [read[source] for source in good]
            work = partial(self._finished, good, pictures, volume, taken, began)
            return [*failed, *self._guarded(good, work)]

    def _each(
        self, sources: Iterable[Source], look: Callable[[bytes], T]
    ) -> tuple[dict[Source, T], list[Outcome]]:
        """Return what is found in each of the sources, and the outcomes of those that fail."""
        found, failed = dict[Source, T](), list[Outcome]()
        for source in sources:

            def looking(source: Source = source) -> list[Outcome]:
                found[source] = look(self._read(source.path))
                return []

            failed += self._guarded([source], looking)
        return found, failed

    def _size(self, path: Path) -> int:
        """Return the size of a file in bytes, 0 if unknown; raise TooLarge."""
        size = 0 if path == STANDARD else path.stat().st_size
        check_size(size, self._conversion.max_pixels)
        return size

    def _read(self, path: Path) -> bytes:
        """Read a file; raise TooLarge before much more than the limit has been read."""
        self._size(path)
        if path != STANDARD:
            return path.read_bytes()
        data = sys.stdin.buffer.read(largest_file(self._conversion.max_pixels) + 1)
        check_size(len(data), self._conversion.max_pixels)
        return data

    def _finished(
        self,
        sources: list[Source],
        pictures: list[Picture],
        whole: Picture,
        taken: Mapping[str, Path],
        began: float,
    ) -> list[Outcome]:
        """Process the whole of the pictures, and write each result that does not exist yet."""
        conversion = self._conversion
        targets = [
            target_of(source, picture, conversion.format, conversion.format_for)
            for source, picture in zip(sources, pictures, strict=True)
        ]
        skipped = {
            source: Outcome(source.path, Status.SKIPPED, target)
            for source, (target, _) in zip(sources, targets, strict=True)
            if self._is_there(source, target, taken)
        }
        if len(skipped) == len(sources):
            return list(skipped.values())
        with self._meter.following(len(sources)) as progress:
            worked = conversion.work(whole, progress)
        parts = [worked.picture] if len(sources) == 1 else take_apart(worked.picture, len(sources))
        written = [
            self._written(source, *target, replace(worked, picture=part), began)
            for source, target, part in zip(sources, targets, parts, strict=True)
            if source not in skipped
        ]
        return [*skipped.values(), *written]

    def _written(
        self, source: Source, target: Path, format_: Format, worked: Worked, began: float
    ) -> Outcome:
        """Write the result for a source."""
        file = self._conversion.write(worked.picture, format_)
        self._writer.write(target, file.data)
        return Outcome(
            source.path,
            Status.DONE,
            target,
            pixels=worked.picture.size,
            seconds=round(time.monotonic() - began, 3),
            model=worked.model,
            sigma=worked.sigma,
            changes=tuple(sorted(file.changes)),
        )

    def _is_there(self, source: Source, target: Path, taken: Mapping[str, Path]) -> bool:
        """Return whether an existing result is kept; raise FileExistsError if it is another's."""
        owner = taken.get(realpath(target))
        if owner and target != STANDARD:
            is_input = realpath(owner) == realpath(target)
            what = "replace the input" if is_input else "have the same name as that of"
            raise FileExistsError(f"the result would {what} {owner}")
        return target.exists() and not source.exact and not self._conversion.overwrite
