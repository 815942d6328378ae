"""The workers: lent to one job at a time, and replaced when they are lost."""

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.sandbox.faults import Cause
from app.sandbox.link import Link
from app.sandbox.remote import Remote
from app.sandbox.semaphore import FairSemaphore
from app.sandbox.spawner import Spawner

logger = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds without any processor time after which a worker counts as stuck."""

SPAWNER = Spawner()
"""The fork server of this process, shared by all its applications."""


class Sandbox:
    """A pool of at most `processes` busy workers, forked when first needed, plus one for a client
    that has none; for one event loop at a time.

    >>> async with sandbox.worker() as worker:
    ...     header = await worker.read(data)

    Workers that may start threads are less confined: each runs a single job.
    """

    def __init__(self, processes: int, *, patience: float = PATIENCE) -> None:
        """Take `patience`, the seconds for which a worker may make no progress."""
        self.losses: Counter[Cause] = Counter()
        self._processes = processes
        self._slots = FairSemaphore(processes)
        self.patience = patience
        self._idle: list[Remote] = []
        self._closed = False

    @asynccontextmanager
    async def worker(self, client: str = "", *, threads: bool = False) -> AsyncIterator[Remote]:
        """Yield a worker for this job alone, with `threads` if necessary; wait until one is free.

        Waiting clients take turns. If a job is cancelled while its worker is busy, the worker is
        killed.
        """
        async with self._slots.slot_for(client):
            worker = self._new_worker(threads=True) if threads else self._take()
            try:
                yield worker
            finally:
                if threads:
                    self._discard(worker)
                else:
                    self._give_back(worker)

    def start(self) -> None:
        """Start the first worker ahead of the first job; again after `close`, too."""
        if self._closed:  # the next event loop may differ, and slots belong to one
            self._closed, self._slots = False, FairSemaphore(self._processes)
        if not self._idle:
            self._replace()

    def close(self) -> None:
        """End all workers; busy ones end once their jobs are done."""
        self._closed = True
        while self._idle:
            self._idle.pop().link.close()

    def _take(self) -> Remote:
        while self._idle:
            worker = self._idle.pop()
            if worker.link.usable:
                return worker
            self._count(worker.link.lost or Cause.KILLED)
            worker.link.close()
        return self._new_worker()

    def _discard(self, worker: Remote) -> None:
        if worker.link.lost:
            self._count(worker.link.lost)
        worker.link.close()

    def _give_back(self, worker: Remote) -> None:
        if worker.link.lost or worker.link.busy:
            self._discard(worker)
            self._replace()
        else:
            worker.rest()
            self._idle.append(worker)
        if self._closed:
            self.close()

    def _replace(self) -> None:
        """Start a worker before the next job comes."""
        if self._closed:
            return
        try:
            self._idle.append(self._new_worker())
        except (OSError, MemoryError):  # the next job will try again, and report it
            logger.exception("no worker can be started")

    def _new_worker(self, *, threads: bool = False) -> Remote:
        return Remote(Link(SPAWNER, self.patience, threads=threads))

    def _count(self, cause: Cause) -> None:
        self.losses[cause] += 1
        logger.warning("a worker was lost: %s", cause)
