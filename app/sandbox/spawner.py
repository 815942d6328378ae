"""Start and kill workers through the fork server, a process that runs `fork_server`.

TensorFlow must not be forked once it has started, and a fresh Python process takes a third of a
second to start; a fork of that process takes milliseconds.
"""

import os
import socket
import subprocess
import sys
import threading
import weakref

from app.sandbox import fork_server, wire

FORKS = hasattr(os, "fork") and sys.platform != "darwin"
"""Whether workers are forked; system libraries of macOS do not work in a forked process."""
KEPT_BYTES = 1 << 24
"""Freed memory that a worker keeps, at most half of it in one piece: getting it from the system
again would take a tenth of the time of a one-megapixel photograph. Only glibc supports this.
"""
KEPT = ("GLIBC_TUNABLES", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
"""Environment variables that are passed on; others may contain secrets."""


class Spawner:
    """Starts and kills workers; its process starts with the first, and again if it has ended.

    May be used from any thread. Without `forks`, each worker is a fresh process.
    """

    def __init__(self, *, forks: bool = FORKS) -> None:
        self._forks = forks
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._born = 0
        self.pid = 0
        """Process id of the fork server; 0 while there is none."""

    def start(self, connection: socket.socket, *, threads: bool = False) -> int:
        """Fork a worker that serves `connection`; return its number, by which it can be killed.

        `threads` says whether it may start any.
        """
        with self._lock:
            self._born += 1
            order = {"do": "start", "worker": self._born, "threads": threads}
            try:
                wire.send(self._running(), order, [connection.fileno()])
            except OSError:  # it has ended, or does not listen
                self._end()
                wire.send(self._running(), order, [connection.fileno()])
            return self._born

    def kill(self, worker: int) -> None:
        """Kill a worker, whatever it is doing."""
        with self._lock:
            if self._control is None:
                return
            try:
                wire.send(self._control, {"do": "kill", "worker": worker})
            except OSError:
                self._end()

    def told_to_end(self) -> bool:
        """Return whether SIGTERM has come to the fork server or a worker since the last call.

        Some container runtimes signal only the innermost process, meaning the service.
        """
        with self._lock:
            if self._control is None:
                return False
            try:
                return bool(self._control.recv(wire.LONGEST))
            except OSError:  # usually there is nothing to read
                return False

    def end(self) -> None:
        """End the fork server, and all workers with it; the next worker starts another one."""
        with self._lock:
            self._end()

    def _running(self) -> socket.socket:
        if self._control is None:
            ours, theirs = socket.socketpair()
            with theirs:
                process = _spawn(theirs.fileno(), forks=self._forks)
            ours.setblocking(False)
            self._control, self.pid = ours, process.pid
            self._finalizer = weakref.finalize(self, _finish, ours, process)
        return self._control

    def _end(self) -> None:
        if self._control is not None:
            self._finalizer()
            self._control, self.pid = None, 0


def _spawn(fd: int, *, forks: bool) -> "subprocess.Popen[bytes]":
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    # a fork keeps only one thread, and each thread of a decoder would reserve 64 MiB
    single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    keeping = {
        "MALLOC_TRIM_THRESHOLD_": str(KEPT_BYTES),
        "MALLOC_MMAP_THRESHOLD_": str(KEPT_BYTES // 2),
    }
    return subprocess.Popen(  # noqa: S603 - our own interpreter and words
        fork_server.fresh_python(f"main({fd}, forks={forks})"),
        env=kept | single | keeping,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[fd],
    )


def _finish(control: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    control.close()
    process.kill()
    process.wait()
