"""List the files below a local folder, in order and in constant memory."""

import os
from collections.abc import Callable, Iterator
from heapq import nsmallest

NAMES = 100_000
"""Names in memory at a time; a larger folder is read several times."""


def files(folder: str) -> Iterator[str]:
    """Yield the paths of the files of a folder, then those of each of its folders.

    Links to files count as files; links to folders, or to nowhere, are left out. A folder that is
    deleted meanwhile has no files. Raises OSError if a folder, or what a link leads to, may not be
    read.
    """
    for name in _names(folder, _is_file):
        yield f"{folder}/{name}"
    for name in _names(folder, lambda entry: entry.is_dir(follow_symlinks=False)):
        yield from files(f"{folder}/{name}")


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except PermissionError:
        raise
    except OSError:  # a link to itself, below a file, or with a name that is too long
        return False


def _names(folder: str, wanted: "Callable[[os.DirEntry[str]], bool]") -> Iterator[str]:
    """Yield names in order, in as many passes over the folder as necessary."""
    last, found = "", [""] * NAMES
    while len(found) == NAMES:
        try:
            with os.scandir(folder) as entries:
                names = (each.name for each in entries if each.name > last and wanted(each))
                found = nsmallest(NAMES, names)
        except FileNotFoundError:
            return
        yield from found
        last = found[-1] if found else last
