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
