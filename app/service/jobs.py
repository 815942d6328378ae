"""Jobs: work that outlives its request, and is followed, fetched and cancelled by its id.

Everything is in memory. At most AT_ONCE jobs run side by side, to leave room for requests, plus one
of a client that has none of these; waiting jobs hold only their upload.
"""

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.inference.batcher import Overloaded
from app.inference.job import Progress
from app.sandbox.semaphore import FairSemaphore
from app.service.errors import UnknownJob
from app.service.memory import Memory, Share

logger = logging.getLogger(__name__)

AT_ONCE = 2
"""Jobs that run at a time: while one is decoded or encoded, the other keeps the network busy."""

STEP_SECONDS = 0.5
"""Seconds between two checks of a job that is followed."""
AT_PACE = 100
"""Followers that learn of changes within STEP_SECONDS. With more, checks become less frequent, so
that they never take more time of the event loop.
"""

Operation = Callable[[Share, Progress], Awaitable[Any]]
"""Does the work within the memory of the share, and keeps the progress up to date. It is called
again if it raises Overloaded.
"""


class State(StrEnum):
    """The state of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Status:
    """The progress of a job at one moment."""

    state: State
    percent: int
    """The percentage of its tiles that are done."""
    seconds_left: float | None
    """Estimated seconds until it is done; None once it has ended."""


@dataclass(eq=False)
class Job:
    """An operation in progress, or its outcome."""

    id: str
    owner: str | None
    """The only one who may access it; None is everybody who knows the id."""
    client: str
    """Who started it; no client may take all slots."""
    seconds: float
    """Estimated seconds that it takes on its own, made before it began."""
    state: State = State.WAITING
    result: Any = None
    """What the operation returned, once it is done."""
    error: Exception | None = None
    """What the operation raised, if it failed."""
    collected: bool = False
    """Whether the result has been fetched."""
    progress: Progress = field(default_factory=Progress)
    began: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None
    kept: ExitStack = field(default_factory=ExitStack)
    """The memory that it holds: first that of the upload, then that of the result."""

    @property
    def ended(self) -> bool:
        """Whether it is done or has failed."""
        return self.state in (State.DONE, State.FAILED)

    @property
    def percent(self) -> int:
        """The percentage of its tiles that are done."""
        if self.state is State.DONE:
            return 100
        return 100 * self.progress.done // self.progress.planned if self.progress.planned else 0

    @property
    def own_seconds(self) -> float:
        """Estimated seconds of its own work that are left."""
        if self.ended:
            return 0.0
        return self.progress.remaining() if self.progress.planned else self.seconds


class Jobs:
    """All jobs: at most `limit`, each forgotten `seconds` after it has ended.

    Clients with waiting jobs take turns, and no client may have more than three quarters of the
    jobs. Use it on the event loop only, except for iteration.
    """

    def __init__(self, memory: Memory, *, limit: int, seconds: float) -> None:
        self.worker = 0
        """The number of this process among several; every id begins with it."""
        self.ends: Counter[str] = Counter()
        """The numbers of jobs done, failed and cancelled since the start."""
        self._memory, self._limit, self._seconds = memory, limit, seconds
        self._jobs: dict[str, Job] = {}
        self._slots = FairSemaphore(AT_ONCE)
        self._followers = 0

    def __iter__(self) -> Iterator[Job]:
        """Iterate over the present jobs, oldest first; from any thread."""
        return iter(list(self._jobs.values()))

    def open(self) -> None:
        """Use the running event loop from now on."""
        self._slots = FairSemaphore(AT_ONCE)

    def start(
        self,
        operation: Operation,
        held: ExitStack,
        *,
        owner: str | None,
        client: str = "",
        seconds: float,
    ) -> Job:
        """Queue an operation that is expected to take `seconds`.

        `held`, the memory of its input, is released when it ends. Raises Overloaded if there are
        too many jobs, in total or of this client.
        """
        self._make_room(client)
        job = Job(f"{self.worker}-{secrets.token_urlsafe(16)}", owner, client, seconds)
        job.kept = held.pop_all()
        self._jobs[job.id] = job
        job.task = asyncio.create_task(self._run(job, operation))
        return job

    def find(self, job_id: str, owner: str | None) -> Job:
        """Return the job with this id; raise UnknownJob if there is none that `owner` may
        access.
        """
        job = self._jobs.get(job_id)
        if job is None or job.owner != owner:
            raise UnknownJob(self._seconds)
        return job

    def status(self, job: Job) -> Status:
        """Return the progress of a job."""
        return Status(job.state, job.percent, None if job.ended else self._seconds_left(job))

    async def changes(self, job: Job, seconds: float) -> AsyncIterator[Status]:
        """Yield the progress of a job, now and after each change.

        Stops when the job has ended or been cancelled, or after `seconds`.
        """
        deadline = time.monotonic() + seconds
        last = None
        self._followers += 1
        try:
            while job.id in self._jobs:
                now = self.status(job)
                if now != last:
                    yield now
                left = deadline - time.monotonic()
                if job.ended or job.task is None or left < 0:
                    return
                last = now
                step = STEP_SECONDS * max(1, self._followers / AT_PACE)
                await asyncio.wait([job.task], timeout=min(step, left))
        finally:
            self._followers -= 1

    async def cancel(self, job: Job) -> None:
        """End and forget a job, whose work has left the queue when this returns."""
        if not job.ended:
            self.ends["cancelled"] += 1
        self._jobs.pop(job.id, None)
        if job.task is not None:
            job.task.cancel()
            await asyncio.wait([job.task])
        job.kept.close()

    async def close(self) -> None:
        """Cancel and forget all jobs."""
        for job in self:
            await self.cancel(job)

    @property
    def collected(self) -> int:
        """The number of results that have been fetched."""
        return sum(job.collected for job in self)

    def _seconds_left(self, job: Job) -> float:
        """Estimate the seconds for a job and all before it, since they share the machine."""
        if job.state is State.RUNNING and job.progress.planned:
            return job.own_seconds
        return sum(other.own_seconds for other in self._before(job)) + job.own_seconds

    def _before(self, job: Job) -> list[Job]:
        """Return the jobs that are likely to end before this one, given that clients take turns."""
        running = [other for other in self if other.state is State.RUNNING and other is not job]
        taken = Counter[str]()
        turns = dict[Job, int]()
        for other in self:
            if other.state is State.WAITING:
                turns[other] = taken[other.client]
                taken[other.client] += 1
        own = turns.pop(job, -1)
        return running + [other for other, turn in turns.items() if turn <= own]

    def _make_room(self, client: str) -> None:
        """Make room for one more job of a client; raise Overloaded if that is impossible.

        A fetched result is forgotten, or else the oldest one of a client that has more jobs than
        this one would have: results that nobody fetches delay only their own client.
        """
        kept = Counter(job.client for job in self)
        has_its_share = kept[client] >= self._limit - self._limit // 4
        if len(self._jobs) < self._limit and not has_its_share:
            return
        ended = [job for job in self if job.ended and (job.client == client or not has_its_share)]
        others = [job for job in ended if kept[job.client] > kept[client] + 1]
        fetched = next((job for job in ended if job.collected), None)
        leaves = fetched or max(others, key=lambda job: kept[job.client], default=None)
        if leaves is None:
            raise self._memory.overloaded()
        self._forget(leaves)

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        job.kept.close()

    def _expire(self, job_id: str) -> None:
        if job := self._jobs.get(job_id):
            self._forget(job)

    async def _run(self, job: Job, operation: Operation) -> None:
        try:
            async with self._slots.slot_for(job.client):
                await self._work(job, operation)
            job.state = State.DONE
        except Exception as error:
            job.error, job.state = _without_frames(error), State.FAILED
            job.kept.close()
        self.ends[job.state] += 1
        seconds = round(time.monotonic() - job.began, 3)
        facts = {"state": job.state.value, "seconds": seconds}
        logger.info("job ended", extra=facts)
        # by its id: a timer with the job would keep its result in memory even if it is cancelled
        asyncio.get_running_loop().call_later(self._seconds, self._expire, job.id)

    async def _work(self, job: Job, operation: Operation) -> None:
        """Run the operation, repeatedly if there is no room for it."""
        while True:
            job.state, job.progress = State.RUNNING, Progress()
            with ExitStack() as held:
                try:
                    share = held.enter_context(self._memory.share(job.client))
                    job.result = await operation(share, job.progress)
                except Overloaded as full:
                    pause = full.retry_after
                else:
                    job.kept.close()
                    job.kept = held.pop_all()
                    return
            job.state = State.WAITING
            await asyncio.sleep(pause)


def _without_frames(error: Exception) -> Exception:
    """Return an error without its causes and frames, which would keep images in memory."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
