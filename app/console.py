"""Messages, exit codes and misuse of the commands."""

import sys

FAILED, UNFINISHED, STOPPED = 1, 75, 130
"""Exit codes: an image or the whole command failed; some images were not attempted, so that the
same command has to be run again (EX_TEMPFAIL); Ctrl-C. Misuse is 2, as in argparse.
"""


class Misuse(Exception):
    """The arguments of a command contradict each other or are incomplete."""


def complain(message: str) -> None:
    """Print to standard error, separate from the output that programs read."""
    sys.stderr.write(f"denoiser: {message}\n")


def reason_of(error: Exception) -> str:
    """Return the message of an error, without the error number of the operating system."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
