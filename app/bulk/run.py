"""Process all images of a shard, listing them along the way."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, field

from app.bulk.results import Results
from app.bulk.rows import Row, State
from app.bulk.store import Source, Store

NAMED = 20
"""The most failed images that a summary names; the results name them all."""


@dataclass
class Summary:
    """The counts of a run so far."""

    done: int = 0
    skipped: int = 0
    """Images done by an earlier run."""
    failed: int = 0
    """Images that failed in this run or an earlier one."""
    named: list[Row] = field(default_factory=list)
    """The first images that failed in this run."""
    stopped: bool = False
    """Whether the run ended before all images were attempted."""
    began: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Images processed per second."""
        return self.done / max(1e-9, time.monotonic() - self.began)

    def __str__(self) -> str:
        return f"{self.done} done, {self.skipped} skipped, {self.failed} failed"

    def count(self, outcome: Row | State | None) -> None:
        """Count an image that was processed in this run or, for a bare state, in an earlier one."""
        match outcome:
            case Row(state=State.DONE):
                self.done += 1
            case State.DONE:
                self.skipped += 1
            case State.FAILED:
                self.failed += 1
            case Row():
                self.failed += 1
                if len(self.named) < NAMED:
                    self.named.append(outcome)


@dataclass(frozen=True)
class Choice:
    """Which known images to process again."""

    options: str
    """Options as rows record them: images done with others count as not done."""
    overwrite: bool = False
    retry_failed: bool = False


@dataclass(frozen=True)
class Run:
    """The state of a run, wherever the images are processed."""

    sources: Store
    targets: Store
    results: Results
    choice: Choice
    stop: threading.Event
    """Once set, no more images are started."""
    report: Callable[[Row, Summary], None] = lambda _row, _summary: None
    summary: Summary = field(default_factory=Summary)

    def settled(self, source: Source) -> State | None:
        """Return the recorded state of an image that is not to be processed again, or None."""
        state = None
        if not self.choice.overwrite:
            state = self.results.state(source, self.choice.options)
        return None if state is State.FAILED and self.choice.retry_failed else state

    def take(self, outcome: Row | State | None) -> None:
        """Count the outcome of an image and record its row; raises StoreError."""
        self.summary.count(outcome)
        if isinstance(outcome, Row):
            self.results.add(outcome)
            self.report(outcome, self.summary)

    def end(self) -> Summary:
        """Write the rows that are not written yet; raises StoreError."""
        self.results.flush()
        self.summary.stopped = self.stop.is_set()
        return self.summary


def run(
    sources: Iterable[Source], convert: Callable[[Source], Row], run: Run, *, threads: int
) -> Summary:
    """Process what is not done yet, `threads` images at a time.

    Sources are listed as needed, so that memory does not grow with their number. Raises StoreError
    if listing fails or rows cannot be written, after an attempt to write the rows of finished
    images.
    """

    def work(source: Source) -> Row | State | None:
        if run.stop.is_set():
            return None
        source = run.sources.known(source)
        return run.settled(source) or convert(source)

    def settle(futures: Iterable[Future[Row | State | None]]) -> None:
        for future in futures:
            run.take(future.result())

    pending: set[Future[Row | State | None]] = set()
    with ThreadPoolExecutor(threads, "picture") as pool:
        try:
            for source in sources:
                if run.stop.is_set():
                    break
                pending.add(pool.submit(work, source))
                if len(pending) >= 2 * threads:
                    ready, pending = wait(pending, return_when=FIRST_COMPLETED)
                    settle(ready)
        finally:
            settle(as_completed(pending))
            summary = run.end()
    return summary
