"""What the commands tell whoever runs them: messages, exit codes, and misuse."""

import os
import sys

FAILED, UNFINISHED, STOPPED = 1, 75, 130
"""Exit codes: an image or the whole command failed; some images were not attempted, and the same
command has to be run again (EX_TEMPFAIL); or Ctrl-C. Misuse is 2, as argparse has it.
"""


class Misuse(Exception):
    """The command line makes no sense."""


def complain(message: str) -> None:
    """Print to standard error, apart from the output that programs read."""
    sys.stderr.write(f"denoiser: {message}\n")


def reason_of(error: Exception) -> str:
    """Return what an error says, without the number of one of the operating system."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


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
