"""Files that are complete or absent: written beside their place, then renamed into it."""

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
    """Put `data` at `path`, replacing what is there; after a crash one or the other is whole.

    Raises OSError where the disk is full or cannot be written; the old file then stays.
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
    """Make the folder, and keep it from other processes that ask; a kill sets it free, too.

    Raises TrainingError if another has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # file systems without locks on folders
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
