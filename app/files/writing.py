"""Write results whole or not at all, and none once the work is stopped."""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from app.files.finding import STANDARD
from app.streams import drop_output

Buffer = bytes | memoryview


class Writer:
    """Writes to files or standard output; thread-safe."""

    def __init__(self) -> None:
        self._writing = 0
        self._closed = False
        self._changed = threading.Condition()

    def write(self, target: Path, data: Buffer) -> None:
        """Write a result; raise InterruptedError if this is closed."""
        with self._changed:
            if self._closed:
                raise InterruptedError("stopped")
            self._writing += 1
        try:
            if target == STANDARD:
                _write_out(data)
            else:
                _write_whole(target, data)
        finally:
            with self._changed:
                self._writing -= 1
                self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Write no more; wait for files being written, for at most `seconds`."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._writing, seconds)


def _write_out(data: Buffer) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError:
        drop_output()
        raise


def _write_whole(target: Path, data: Buffer) -> None:
    """Write beside the target and rename, so that a kill or a full disk leaves no partial image.

    Raises OSError with the target in its message, since the caller reports only the source.
    """
    # not made of the target's name, which may be the longest possible
    part = target.with_name(f".{os.getpid()}-{threading.get_ident()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        reason = f"{target} cannot be written: {error.strerror}"
        raise OSError(error.errno, reason) from error
    finally:
        with suppress(OSError):
            part.unlink()
