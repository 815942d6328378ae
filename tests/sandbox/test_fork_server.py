"""The process that workers are forked from, on a machine where a codec does not work."""

import socket
import subprocess
import sys

from app.sandbox import wire

BROKEN = """
import imagecodecs
from imagecodecs import AVIF  # loads the functions, too
imagecodecs.avif_encode = None
from app.sandbox import fork_server
fork_server.main({fd}, forks=True)
"""


def test_a_codec_that_does_not_work_keeps_no_worker_from_starting():
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-c", BROKEN.format(fd=theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stderr=subprocess.PIPE,
    )
    theirs.close()
    with ours, process:
        connection, workers = socket.socketpair()
        with connection:
            with workers:
                order = {"do": "start", "worker": 1, "threads": False}
                wire.send(ours, order, [workers.fileno()])
            received = wire.receive(connection)
            assert received is not None
            assert received[0]["pid"] != process.pid
        ours.shutdown(socket.SHUT_RDWR)
        _, said = process.communicate(timeout=60)
    assert b"'NoneType' object is not callable" in said
