"""Time engines on this machine, in turns, each in a process of its own."""

import logging
import math
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Self, cast

import numpy as np

from app.inference.engines import EngineName, Forward, Precision

logger = logging.getLogger(__name__)

BATCHES = ((1, 256, 256, 3), (4, 256, 256, 3), (1, 512, 512, 3))
"""A small image alone, a full batch of them, and a larger image: each engine has its strengths."""
LEAST_TURNS, MOST_TURNS = 3, 10
TURN_SECONDS = 1.0
"""Seconds after which no more than LEAST_TURNS are taken."""
LONGEST = 120.0
"""Seconds, including the import, after which an engine counts as failed."""
SECONDS = "seconds: "
"""The prefix of answers among everything else that an engine may print."""
SHOWN = 500
"""Characters that are logged from the end of the output of a failed engine."""

START = """
import sys; sys.path[:] = {sys_path!r}
from pathlib import Path
from app.inference.engines import Precision, engine
from app.inference.engines.trial import take_turns
take_turns(engine({name!r}).load(Path({path!r}), Precision({precision!r}), {threads!r}))
"""


def compare(
    names: Sequence[EngineName], path: Path, precision: Precision, threads: int
) -> dict[EngineName, float]:
    """Return the seconds that each engine takes for BATCHES; infinity if it fails.

    They take turns, and the fastest turn of an engine counts: other work on the machine can only
    make a turn slower, as Python's documentation of `timeit` explains.
    """
    with ExitStack() as stack:
        entrants = {
            name: stack.enter_context(_Entrant(name, path, precision, threads)) for name in names
        }
        for entrant in entrants.values():
            entrant.turn()  # once its model is loaded, to warm up
        found, began = dict.fromkeys(names, math.inf), time.monotonic()
        for turn in range(MOST_TURNS):
            if turn >= LEAST_TURNS and time.monotonic() > began + TURN_SECONDS:
                break
            for name, entrant in entrants.items():
                found[name] = min(found[name], entrant.turn())
        return {name: math.inf if entrants[name].failed else found[name] for name in names}


class _Entrant:
    """An engine on trial, in a process of its own, so that its imports do not stay in memory."""

    def __init__(self, name: EngineName, path: Path, precision: Precision, threads: int) -> None:
        self._name, self.failed = name, False
        program = START.format(
            sys_path=sys.path, name=name, path=str(path), precision=str(precision), threads=threads
        )
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and words
            (sys.executable, "-c", program),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # read together with the answers, or it would fill its pipe
            text=True,
        )
        self._asked = cast("IO[str]", self._process.stdin)
        self._output = cast("IO[str]", self._process.stdout)
        self._said = ""
        """The end of its output, without the answers."""
        self._timer = threading.Timer(LONGEST, self._process.kill)
        self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.communicate()

    def turn(self) -> float:
        """Return the seconds of one turn; log a failure of the engine, and return infinity."""
        if self.failed:
            return math.inf
        with suppress(OSError):  # it has ended, and its output says why
            self._asked.write("\n")
            self._asked.flush()
        for line in self._output:
            _, is_answer, seconds = line.rpartition(SECONDS)
            if is_answer:
                return float(seconds)
            self._said = (self._said + line)[-SHOWN:]
        self.failed = True
        logger.warning("engine %s has failed its trial: %s", self._name, self._said.strip())
        return math.inf


def take_turns(forward: Forward) -> None:
    """Run BATCHES and print the seconds for each line on standard input."""
    random = np.random.default_rng(0)
    batches = [random.integers(0, 256, shape, np.uint8) for shape in BATCHES]
    for _ in sys.stdin:
        began = time.perf_counter()
        for tiles in batches:
            forward(tiles)
        sys.stdout.write(f"{SECONDS}{time.perf_counter() - began}\n")
        sys.stdout.flush()
