"""What a command takes for an image once it is warm, its processes all included.

A command that prints a line for each image is timed between two of its lines, so that its start,
and the end in which ever fewer images are in progress, count for nothing.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.process import Process
from benchmarks.service import START

EDGE = 32
"""Images left out at the start and at the end, twice the batch that the network takes at most."""


@dataclass(frozen=True)
class Pace:
    """Seconds per image."""

    wall: float
    cpu: float
    """Processor time of all processes that belong to the command."""


def pace(count: int, arguments: Sequence[str]) -> Pace:
    """Run `denoiser denoise` on `count` images, and return its pace, once it has ended.

    `count` has to be more than twice EDGE. Raises RuntimeError if an image fails.
    """
    command = subprocess.Popen(
        [sys.executable, "-c", START, "denoise", *arguments, "--json"], stdout=subprocess.PIPE
    )
    process, marks, lines = Process(command), list[tuple[float, float]](), 0
    assert command.stdout is not None
    for lines, _line in enumerate(command.stdout, 1):
        if lines in (EDGE, count - EDGE):
            marks.append((time.perf_counter(), process.cpu_seconds))
    if command.wait() or lines != count:
        raise RuntimeError(f"{lines} of {count} images, exit code {command.returncode}")
    (began, before), (ended, after) = marks
    between = count - 2 * EDGE
    return Pace((ended - began) / between, (after - before) / between)
