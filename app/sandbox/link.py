"""The service's connection to a worker: send requests, receive replies, and end it if stuck."""

import asyncio
import signal
import socket
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from app.sandbox import scratch, wire
from app.sandbox.faults import Cause, WorkerLost
from app.sandbox.limits import cpu_seconds
from app.sandbox.shared import Area, Region
from app.sandbox.spawner import Spawner
from app.sandbox.wire import Message

START_SECONDS = 30.0
"""Seconds in which the first worker, and the fork server that forks it, must have started."""

CAUSES: dict[int, Cause] = {
    signal.SIGXCPU: Cause.TIME,
    signal.SIGKILL: Cause.KILLED,
    signal.SIGTERM: Cause.KILLED,
}


class Link:
    """A worker that is sent one request at a time.

    `patience` is how many seconds it may make no progress; `threads` says whether it may start any.
    """

    def __init__(self, spawner: Spawner, patience: float, *, threads: bool = False) -> None:
        self._spawner, self._patience = spawner, patience
        self._shared = Region(scratch.SIZE)
        self.scratch = Area(self._shared.view)
        """Memory that the worker sees, too, and no other process."""
        self._connection, theirs = socket.socketpair()
        self._connection.setblocking(False)
        # Ends an idle worker that nobody closes; __del__ might run only after that of the socket.
        self._finalizer = weakref.finalize(self, self._connection.close)
        with theirs:
            self._number = spawner.start(theirs, threads=threads)
        self.pid = 0
        """Process id of the worker, once it has started; 0 before."""
        self.lost: Cause | None = None
        self.busy = False
        """Whether a request is unanswered."""
        self._received = b""

    @property
    def usable(self) -> bool:
        """Whether it can be sent a request: it seems alive, and has sent nothing unasked."""
        if self.lost or self.busy:
            return False
        if not self.pid:
            return True
        try:
            self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """End the worker, whatever it is doing."""
        self._spawner.kill(self._number)
        self._finalizer()

    def tell(self, message: Message) -> None:
        """Send a message without a reply; if the worker has ended, the next job will notice."""
        with suppress(OSError):
            wire.send(self._connection, message)

    async def ask(self, message: Message, fds: Sequence[int] = ()) -> Message:
        """Send a message and return the reply; raise WorkerLost if there is none."""
        self.busy = True
        with self._watched():
            if not self.pid:
                await self._begin()
            self._say(message, fds)
            answer = await self._hear()
        self.busy = False
        return answer

    def loss(self, cause: Cause, detail: str) -> WorkerLost:
        """Return the error for a worker that can no longer be used."""
        self.lost = self.lost or cause
        return WorkerLost(self.lost, detail)

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Treat an invalid answer of a worker as a crash."""
        try:
            yield
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise self.loss(Cause.CRASHED, f"its answer makes no sense: {error!r}") from error

    async def _begin(self) -> None:
        """Wait for the worker's first message, and give it its scratch memory."""
        with self.checked():
            self.pid = int((await self._hear())["pid"])
        self._say({"scratch": scratch.SIZE}, [self._shared.fd])
        self._shared.close()

    def _say(self, message: Message, fds: Sequence[int]) -> None:
        try:
            wire.send(self._connection, message, fds)
        except ConnectionError:
            pass  # it has ended, and the next message says why
        except OSError as error:
            raise self.loss(Cause.KILLED, str(error)) from error

    async def _hear(self) -> Message:
        try:
            await self._receive(wire.LENGTH.size)
            end = wire.LENGTH.size + wire.length(self._received)
            await self._receive(end)
            message = wire.parsed(self._received[wire.LENGTH.size : end])
        except (EOFError, OSError) as error:
            raise self.loss(Cause.KILLED, "hung up") from error
        except wire.Garbled as error:
            raise self.loss(Cause.CRASHED, str(error)) from error
        self._received = self._received[end:]
        if "died" in message:
            raise self._death(message["died"])
        return message

    async def _receive(self, size: int) -> None:
        """Wait until `size` bytes from the worker have arrived."""
        loop = asyncio.get_running_loop()
        while len(self._received) < size:
            part = await loop.sock_recv(self._connection, wire.LONGEST)
            if not part:
                raise EOFError
            self._received += part

    def _death(self, code: Any) -> WorkerLost:
        """Return the error for an exit code reported by the fork server, or in its place."""
        if not isinstance(code, int) or code >= 0:
            return self.loss(Cause.CRASHED, f"exit code {code}")
        known = code in (-number for number in signal.valid_signals())
        name = signal.Signals(-code).name if known else str(code)
        return self.loss(CAUSES.get(-code, Cause.CRASHED), name)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """End the worker if it makes no progress meanwhile.

        Progress means processor time, so that valid work continues however slow the machine is.
        """
        loop, period = asyncio.get_running_loop(), self._patience / 2
        seen, timer = -1.0, loop.call_later(period if self.pid else START_SECONDS, lambda: look())

        def look() -> None:
            nonlocal seen, timer
            timer = loop.call_later(period, look)
            now = cpu_seconds(self.pid) if self.pid else None
            if self.lost:  # it should have been killed by now, but was not
                self._spawner.end()
            elif now == seen or not self.pid:
                self.lost = Cause.STUCK
                self._spawner.kill(self._number)
            seen = seen if now is None else now

        try:
            yield
        finally:
            timer.cancel()
