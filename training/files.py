"""Write files atomically, and lock folders."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import TrainingError

if sys.platform != "win32":
    import fcntl

PART = ".part-"
"""Prefix of the names of unfinished files."""


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically: after a crash, either the old or the new file is complete.

    Raises OSError if the disk is full or read-only; the old file then stays.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=PART, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            temporary.unlink()
            raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from error
    temporary.chmod(0o644)
    temporary.replace(path)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Create the folder and lock it against other processes that call this, until the block ends.

    The end of the process also releases the lock. Raises TrainingError if it is taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # folders cannot be locked there
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TrainingError(f"another process is training in {folder}") from error
        yield
    finally:
        os.close(handle)
