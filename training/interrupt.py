"""Handle Ctrl-C in a run between two steps, when the state can be saved."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STOPPING = b"\nstopping after this step; Ctrl-C again stops at once\n"
_ERRORS = 2  # the descriptor, since the interrupted code may be writing to sys.stderr


@contextmanager
def heeding(ask: Callable[[], None]) -> Iterator[None]:
    """Call `ask` at the first Ctrl-C; a second one interrupts as usual.

    If Ctrl-C is ignored, as under `nohup`, it stays ignored; outside the main thread, nothing
    changes.
    """
    usual = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if usual is not signal.default_int_handler or not in_main_thread:
        yield
        return

    def heed(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)
        with suppress(OSError):
            os.write(_ERRORS, STOPPING)
        ask()

    signal.signal(signal.SIGINT, heed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
