"""The fork server: a lean process, with only the codecs loaded, from which workers are forked.

It sends no replies: workers reply themselves, and if one has died, the fork server reports that on
the worker's own connection. Where forking is not safe, it starts fresh processes.
"""

import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

from app.sandbox import limits, wire

START = (
    "import sys; sys.path[:] = {path!r}; from app.sandbox import fork_server; fork_server.{call}"
)
MOST_DESCRIPTORS = 4096
"""The most descriptors that the fork server may have: two per worker."""


def fresh_python(call: str) -> tuple[str, ...]:
    """Return the command line of a fresh Python that calls a function of this module."""
    # -I: neither the environment nor the working folder decides what is imported
    return sys.executable, "-I", "-c", START.format(path=sys.path, call=call)


def main(fd: int, *, forks: bool) -> None:
    """Run the fork server until the service ends, which closes its end of `fd`.

    Ctrl-C in a terminal and the SIGTERM of a supervisor reach whole process groups, but the service
    needs its workers while it drains, so they are ignored here. SIGTERM is passed on to the
    service.
    """
    with socket.socket(fileno=fd) as control:
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        if forks:
            _warm_up()
        limits.confine()
        gc.freeze()  # so that garbage collection in workers does not copy shared pages
        ForkServer(control, _forked if forks else _executed).run()


def _warm_up() -> None:
    """Load what every worker needs: imports, libraries that codecs load on first use, and a table
    for noise estimation, which takes longer to compute than a small image.

    A codec that fails here is reported, and will fail only for files of its own format.
    """
    import numpy as np

    from app.imaging import formats
    from app.imaging.codec import decode, encode
    from app.imaging.estimate import estimate_sigma
    from app.imaging.picture import Format, Picture
    from app.sandbox import worker  # noqa: F401

    picture = Picture(np.zeros((8, 8, 3), np.uint8))
    for target in formats.of_all_pictures():
        try:
            decode(encode(picture, Format(target.name)).data, max_pixels=64)
        except Exception:
            traceback.print_exc()
    steps = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    estimate_sigma(steps, steps)


class ForkServer:
    """The workers of this process, which is their parent."""

    def __init__(self, control: socket.socket, begin: Callable[[socket.socket, bool], int]) -> None:
        """Take `begin`, which starts a worker that serves a connection, with threads or without,
        and returns its process id.
        """
        self._control, self._begin = control, begin
        self._workers: dict[int, tuple[int, socket.socket]] = {}
        """The process id of each worker by number, and the connection on which to report its
        death.
        """
        self._told = False

    def run(self) -> None:
        """Serve commands until the service has ended."""
        awake, waking = socket.socketpair()
        waking.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._pass_on())
        signal.set_wakeup_fd(waking.fileno())
        while True:
            ready, _, _ = select.select([self._control, awake], [], [])
            if awake in ready:
                awake.recv(4096)
                self._reap()
            if self._control in ready:
                received = wire.receive(self._control)
                if received is None:
                    return
                self._obey(*received)

    def _pass_on(self) -> None:
        """Tell the service about the first SIGTERM, which it may not have received itself."""
        if not self._told:
            self._told = True
            with suppress(OSError):
                wire.send(self._control, {"told": "end"})

    def _obey(self, order: wire.Message, fds: list[int]) -> None:
        number = order["worker"]
        if order["do"] == "start":
            connection = socket.socket(fileno=fds[0])
            try:
                self._workers[number] = self._begin(connection, order["threads"]), connection
            except OSError:  # too many processes: closing tells whoever waits for this worker
                traceback.print_exc()
                connection.close()
        elif number in self._workers:
            os.kill(self._workers[number][0], signal.SIGKILL)

    def _reap(self) -> None:
        """Report workers that have died."""
        for number, (pid, connection) in list(self._workers.items()):
            buried, status = os.waitpid(pid, os.WNOHANG)
            if buried:
                connection.setblocking(False)
                with suppress(OSError):
                    wire.send(connection, {"died": os.waitstatus_to_exitcode(status)})
                connection.close()
                del self._workers[number]


def _forked(connection: socket.socket, threads: bool) -> int:
    """Start a worker that has everything that this process has loaded."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        live(connection.fileno(), parent, threads=threads)
    finally:
        os._exit(1)


def _executed(connection: socket.socket, threads: bool) -> int:
    """Start a worker that loads everything itself."""
    os.set_inheritable(connection.fileno(), True)
    command = fresh_python(f"live_apart({connection.fileno()}, {os.getpid()}, threads={threads})")
    return os.posix_spawn(sys.executable, command, os.environ)


def live_apart(connection: int, parent: int, *, threads: bool) -> None:
    """Run a worker in a fresh process."""
    _warm_up()
    live(connection, parent, threads=threads)


def live(connection: int, parent: int, *, threads: bool) -> None:
    """Run a worker until it ends."""
    from app.sandbox.worker import work

    signal.signal(signal.SIGTERM, lambda *_: os.kill(parent, signal.SIGTERM))
    kept = os.dup(connection)
    null = os.open(os.devnull, os.O_RDONLY)
    for fd in (0, 1, 2):  # output of decoders would end up in the log
        os.dup2(null, fd)
    os.dup2(kept, 3)
    os.closerange(4, MOST_DESCRIPTORS)
    limits.confine_worker(parent, threads=threads)
    work(socket.socket(fileno=3))
    os._exit(0)
