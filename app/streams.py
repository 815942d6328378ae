"""The standard streams of a process: closed ones, full ones, and libraries that write to them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def open_streams() -> None:
    """Put something into the place of standard streams that are closed, as by `>&-`.

    Otherwise the next file to be opened would take it. What is read from standard input or written
    to standard output then fails; messages are dropped.
    """
    for number, mode in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # the lowest number that is free
    # Python has none where a stream was closed at its start
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def drop_output() -> None:
    """Send what is left for standard output nowhere, so that writing it cannot fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def silence() -> Iterator[None]:
    """Drop what is written to standard error, as while TensorFlow is imported.

    Its libraries report how they were compiled, whatever their log level; somebody who has set that
    wants to know.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
