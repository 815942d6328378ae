"""All pictures of one shard, listed as they are worked on."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from app.bulk.results import Results, Row, State
from app.bulk.store import Source, Store

NAMED = 20
"""Failed pictures that a summary names; the results have them all."""


@dataclass
class Summary:
    """What a run has come to so far."""

    done: int = 0
    skipped: int = 0
    """Done by an earlier run."""
    failed: int = 0
    """In this run or an earlier one."""
    named: list[Row] = field(default_factory=list)
    """The first that failed in this run."""
    stopped: bool = False
    """Whether it ended before all pictures were looked at."""
    began: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Pictures worked on a second."""
        return self.done / max(1e-9, time.monotonic() - self.began)

    def __str__(self) -> str:
        return f"{self.done} done, {self.skipped} skipped, {self.failed} failed"

    def count(self, outcome: Row | State | None) -> None:
        """Take what became of a picture: in this run, or, for a bare state, in an earlier one."""
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
    """Which of the pictures that are known already are worked on again."""

    options: str
    """As in the rows: what was done with others counts as not done."""
    overwrite: bool = False
    retry_failed: bool = False


@dataclass(frozen=True)
class Run:
    """What is known of the pictures before and while they are worked on, wherever that is."""

    sources: Store
    results: Results
    choice: Choice
    stop: threading.Event
    """Once it is set, the pictures under way are the last."""
    report: Callable[[Row, Summary], None] = lambda _row, _summary: None
    summary: Summary = field(default_factory=Summary)

    def settled(self, source: Source) -> State | None:
        """What became of a picture that is to be left as it is."""
        state = None
        if not self.choice.overwrite:
            state = self.results.state(source, self.choice.options)
        return None if state is State.FAILED and self.choice.retry_failed else state

    def take(self, outcome: Row | State | None) -> None:
        """Count what became of a picture, and keep its row; raises StoreError."""
        self.summary.count(outcome)
        if isinstance(outcome, Row):
            self.results.add(outcome)
            self.report(outcome, self.summary)

    def end(self) -> Summary:
        """Have every row written; raises StoreError."""
        self.results.flush()
        self.summary.stopped = self.stop.is_set()
        return self.summary


def run(
    sources: Iterable[Source], convert: Callable[[Source], Row], run: Run, *, threads: int
) -> Summary:
    """Work on what is not done yet, `threads` pictures at a time.

    The sources are taken as they are needed, so that memory does not grow with them. Raises
    StoreError when listing fails or rows cannot be written; the rows of what is done by then are
    tried to be written first.
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
            settle(wait(pending).done)
            summary = run.end()
    return summary
