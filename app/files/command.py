"""Process images on the command line, show progress, and summarize."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path

from rich.console import Console, RenderableType
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from app.console import FAILED, STOPPED, Misuse, complain
from app.files.finding import STANDARD, Outcome, Source, Status, find
from app.files.meter import Meter
from app.files.run import Conversion, Worked, run
from app.imaging.codec import decode, read_header
from app.imaging.picture import Change, Picture
from app.inference.job import Progress
from app.service.codec import ConfinedCodec
from app.service.options import OutputOptions
from app.settings import Settings

AT_ONCE = 16
"""Images in progress at a time: a full batch of small ones, and as many waiting."""

PARTS = {Change.CHANNEL, Change.DEPTH_MAP, Change.FILM, Change.GAIN_MAP, Change.PICTURES}
"""What a file may contain besides its image, and a result may lack."""

Work = Callable[[Picture, Progress], Worked]


def convert(
    inputs: list[Path],
    output: Path | None,
    word: str,
    options: OutputOptions,
    start: Callable[[], Work],
    *,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Process all images, show progress, and name those that failed; return the exit code.

    `start` prepares the work, which may take seconds. Results without a given name contain `word`.
    Raises Misuse.
    """
    settings, outcomes, stopped = Settings(), list[Outcome](), False
    sources, others = find(inputs, output, word)
    to_output = any(source.target == STANDARD for source in sources)
    if to_output and sys.stdout.isatty():
        raise Misuse("an image cannot be written to a terminal: name a file with -o, or use a pipe")
    lines = sys.stderr if to_output else sys.stdout
    conversion = _conversion(len(sources), settings, options, start, overwrite=overwrite)
    try:
        with closing(_converted(sources, conversion)) as converted:
            for outcome in chain(others, converted):
                outcomes.append(outcome)
                if as_json:
                    print(json.dumps(asdict(outcome), default=str), file=lines, flush=True)
    except KeyboardInterrupt:
        stopped = True
    _sum_up(outcomes, len(sources), as_json=as_json, stopped=stopped)
    if stopped:
        return STOPPED
    return FAILED if any(outcome.status is Status.FAILED for outcome in outcomes) else 0


@contextmanager
def _conversion(
    files: int,
    settings: Settings,
    options: OutputOptions,
    start: Callable[[], Work],
    *,
    overwrite: bool,
) -> Iterator[Conversion]:
    """Yield the conversion of so many files, which are decoded and encoded in confined processes.

    So a bad file does not affect others. A single file is not worth starting them.
    """
    conversion = partial(
        Conversion,
        format_for=lambda picture: options.format_for(
            picture.format, lossless=picture.metadata.lossless
        ),
        format=options.format,
        overwrite=overwrite,
        max_pixels=settings.max_pixels,
    )
    if files == 1:
        read = partial(decode, max_pixels=settings.max_pixels, max_side=settings.max_side)
        yield conversion(read_header=read_header, read=read, work=start(), write=options.encode)
        return
    with ConfinedCodec(settings) as codec:
        write = partial(codec.encode, quality=options.quality, strip=options.strips)
        yield conversion(
            read_header=codec.read_header, read=codec.decode, work=start(), write=write
        )


def _sum_up(outcomes: list[Outcome], total: int, *, as_json: bool, stopped: bool) -> None:
    """Report what was left out and what failed, and the counts out of `total`."""
    if not as_json:
        for outcome in outcomes:
            if outcome.status is Status.LEFT_OUT:
                complain(_printable(f"{outcome.source}: left out, {outcome.reason}"))
    for outcome in outcomes:
        if outcome.status is Status.FAILED:
            complain(_printable(f"{outcome.source}: {outcome.reason}"))
    lacking = [outcome for outcome in outcomes if not PARTS.isdisjoint(outcome.changes)]
    if lacking and not as_json:
        parts = ", ".join(sorted(PARTS & {each for o in lacking for each in o.changes}))
        first = f"{lacking[0].source}" + (f" and {len(lacking) - 1} more" if lacking[1:] else "")
        complain(_printable(f"{first}: done without what is beside the image: {parts}"))
    counts = Counter(outcome.status for outcome in outcomes)
    counted = ", ".join(f"{counts[status]} {status}" for status in Status)
    if stopped:
        undone = total - sum(
            outcome.status in (Status.DONE, Status.SKIPPED) for outcome in outcomes
        )
        complain(f"stopped: {counted}, {undone} not done; the same command continues")
    elif len(outcomes) > 1:
        complain(counted)


def _printable(line: str) -> str:
    """Return a line that is safe to print: file names may contain control characters."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line
    )


def _converted(
    sources: list[Source], conversion: AbstractContextManager[Conversion]
) -> Generator[Outcome, None, None]:
    """Yield the outcome of each source, with a progress bar on an interactive terminal."""
    if not sources:
        return
    meter = Meter()
    with (
        conversion as each,
        closing(run(sources, each, threads=AT_ONCE, meter=meter)) as outcomes,
        _Bar(len(sources), meter, Console(stderr=True)) as bar,
    ):
        began = time.monotonic()
        for count, outcome in enumerate(outcomes, 1):
            bar.tell(count, count / (time.monotonic() - began))
            yield outcome


class _Bar(Bars):
    """A progress bar of the images that are done, and of those in progress."""

    def __init__(self, total: int, meter: Meter, console: Console) -> None:
        super().__init__(
            TextColumn("{task.fields[count]}/{task.total}"),
            BarColumn(),
            TextColumn("{task.fields[rate]:.1f} images/s"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._meter, self._count = meter, 0
        self._task = self.add_task("", total=total, count=0, rate=0.0)

    def tell(self, count: int, rate: float) -> None:
        """Show how many images are done, and the rate per second."""
        self._count = count
        self.update(self._task, count=count, rate=rate)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Redraw the bar; rich calls this ten times a second."""
        for task in self.task_ids:
            self.update(task, completed=self._count + self._meter.files)
        yield from super().get_renderables()
