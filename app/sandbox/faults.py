"""How a job can fail that is not the picture's sender's to mend, or not as a decoder puts it."""

from enum import StrEnum


class Cause(StrEnum):
    """Why a worker was lost, or its job given up."""

    CRASHED = "crashed"
    """Native code made it end."""
    TIME = "time"
    """The job took more processor time than its pixels may."""
    STUCK = "stuck"
    """It made no progress: stopped, or waiting for what never comes."""
    KILLED = "killed"
    """Somebody else ended it: the system for want of memory, or a person."""
    MEMORY = "memory"
    """The job wanted more memory than its pixels may, or than there was."""


class WorkerLost(Exception):
    """The process that did a job has ended, and the job with it; another takes its place."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else str(cause))
        self.cause = cause


class JobFailed(Exception):
    """A mistake of ours in a worker; the message is its traceback."""
