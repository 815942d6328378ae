"""Handle standard streams that are closed or full, and libraries that write to them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def open_streams() -> None:
    """Replace standard streams that are closed, as by `>&-`.

    Otherwise the next opened file would get their descriptors. Reading from standard input and
    writing to standard output then fail; messages are dropped.
    """
    for number, mode in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest free descriptor
    # Python sets them to None if they were closed when it started
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def drop_output() -> None:
    """Discard any remaining standard output, so that writing it cannot fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def silence() -> Iterator[None]:
    """Discard standard error, for instance while TensorFlow is imported.

    Its libraries report how they were compiled whatever the log level; if the user has set the log
    level, nothing is discarded.
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
