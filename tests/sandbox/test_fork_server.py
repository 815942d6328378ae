"""The process that workers are forked from, where not all is as it should be."""

import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from app.sandbox import wire

RUN = """
from app.sandbox import fork_server
fork_server.main({fd}, forks=True)
"""
WITHOUT_A_CODEC = """
import imagecodecs
from imagecodecs import AVIF  # loads the functions, too
imagecodecs.avif_encode = None
"""
WITHOUT_A_SECOND_FORK = """
import errno, os
fork, forks = os.fork, []
def limited():
    forks.append(1)
    if len(forks) == 2:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    return fork()
os.fork = limited
"""


@contextmanager
def running(before):
    """Yields the process, and the service's end of its control."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-c", before + RUN.format(fd=theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stderr=subprocess.PIPE,
    )
    theirs.close()
    with ours, process:
        yield process, ours
        ours.close()


def started(control, number):
    """Has a worker started; returns the connection to it."""
    connection, theirs = socket.socketpair()
    with theirs:
        order = {"do": "start", "worker": number, "threads": False}
        wire.send(control, order, [theirs.fileno()])
    return connection


def test_a_codec_that_does_not_work_keeps_no_worker_from_starting():
    with running(WITHOUT_A_CODEC) as (process, control):
        with started(control, 1) as connection:
            received = wire.receive(connection)
            assert received is not None
            assert received[0]["pid"] != process.pid
        control.shutdown(socket.SHUT_RDWR)
        _, said = process.communicate(timeout=60)
    assert b"'NoneType' object is not callable" in said


def test_a_worker_that_cannot_be_started_costs_no_other():
    with (
        running(WITHOUT_A_SECOND_FORK) as (process, control),
        started(control, 1) as first,
        started(control, 2) as second,
        started(control, 3) as third,
    ):
        assert wire.receive(first)
        assert wire.receive(second) is None
        assert wire.receive(third)
        first.setblocking(False)
        with pytest.raises(BlockingIOError):  # it lives
            first.recv(1)
        control.shutdown(socket.SHUT_RDWR)
        _, said = process.communicate(timeout=60)
    assert b"Resource temporarily unavailable" in said
