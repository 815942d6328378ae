"""Files that are whole or not there: written beside their place, then renamed into it."""

import os
import tempfile
from pathlib import Path

PART = ".part-"
"""How the names of unfinished files begin."""


def write(path: Path, data: bytes) -> None:
    """Puts `data` at `path`, replacing what is there; after a crash one or the other is whole.

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
