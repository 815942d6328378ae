"""What the commands tell whoever runs them: messages, exit codes, and misuse."""

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
