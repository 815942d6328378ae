"""Failures of a job that the sender of the image may not be responsible for."""

from enum import StrEnum
from typing import Literal


class Cause(StrEnum):
    """Why a worker was lost, or its job given up."""

    CRASHED = "crashed"
    """Native code crashed."""
    TIME = "time"
    """The job took more processor time than its pixels justify."""
    STUCK = "stuck"
    """It made no progress: stopped, or waiting forever."""
    KILLED = "killed"
    """Something else ended it, such as the system for lack of memory, or a person."""
    MEMORY = "memory"
    """The job needed more memory than its pixels justify, or than was free (MemoryError)."""


LostCode = Literal["needs-too-much-time", "needs-too-much-memory", "worker-lost"]

_LIMITS: dict[Cause, LostCode] = {
    Cause.TIME: "needs-too-much-time",
    Cause.MEMORY: "needs-too-much-memory",
}


class WorkerLost(Exception):
    """The process that ran a job has ended, and the job with it; another replaces it."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else str(cause))
        self.cause = cause

    @property
    def code(self) -> LostCode:
        """The kind of problem, for programs."""
        return _LIMITS.get(self.cause, "worker-lost")

    @property
    def reason(self) -> str:
        """The cause in words, for the sender of the image."""
        if self.cause in _LIMITS:
            what = self.cause.value
            return f"Reading or writing the image takes far more {what} than its size justifies."
        return f"The process that worked on the image has ended before it was done: {self}."


class JobFailed(Exception):
    """A bug in a worker; the message is its traceback."""
