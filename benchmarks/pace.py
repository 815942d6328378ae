"""Measure the time per image of a warm command, with all its processes.

A command that prints a line for each image is timed between two of its lines, so that its start,
and its end with ever fewer images in progress, do not count.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.service.room import PIXELS_AT_ONCE
from benchmarks.process import Process
from benchmarks.service import START

EDGE = 32
"""The most images left out at the start and at the end, twice the batch that the network takes."""
TIMED_PIXELS = 100e6
"""About so many pixels are timed, in two to FILLS times the images left out."""
FILLS = 50


@dataclass(frozen=True)
class Pace:
    """Seconds per image."""

    wall: float
    cpu: float
    """Processor time of all processes that belong to the command."""


def edge(side: int) -> int:
    """Return how many images of `side` x `side` pixels are left out, those in progress at a time.

    Large ones are decoded together, denoised by turns and done together, so that a time between two
    images counts only if it is that of a multiple of them.
    """
    return max(1, min(EDGE, PIXELS_AT_ONCE // (side * side)))


def enough(side: int) -> int:
    """Return how many images a command has to be timed with, both ends included."""
    left_out = edge(side)
    fills = round(TIMED_PIXELS / (side * side * left_out))
    return left_out * (2 + min(FILLS, max(2, fills)))


def pace(count: int, side: int, arguments: Sequence[str]) -> Pace:
    """Run `denoiser denoise` on `count` images of `side` x `side` pixels; return its pace.

    `count` has to be more than twice `edge(side)`. Raises RuntimeError if an image fails.
    """
    left_out = edge(side)
    command = subprocess.Popen(
        [sys.executable, "-c", START, "denoise", *arguments, "--json"], stdout=subprocess.PIPE
    )
    process, marks, lines = Process(command), list[tuple[float, float]](), 0
    assert command.stdout is not None
    for lines, _line in enumerate(command.stdout, 1):
        if lines in (left_out, count - left_out):
            marks.append((time.perf_counter(), process.cpu_seconds))
    if command.wait() or lines != count:
        raise RuntimeError(f"{lines} of {count} images, exit code {command.returncode}")
    (began, before), (ended, after) = marks
    between = count - 2 * left_out
    return Pace((ended - began) / between, (after - before) / between)
