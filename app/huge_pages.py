"""Huge pages for large arrays, which spare processors the search for millions of small ones.

The network takes about a fifth less time for large tiles with them (`python -m benchmarks.pages`).
Linux gives them to those who ask, where it does not give them to all; glibc, from 2.35 on, asks if
it was told to before the process started.
"""

import os
import sys
from contextlib import suppress

TUNABLES = "GLIBC_TUNABLES"
"""The variable that tells glibc; what it says of huge pages already is left as it is."""

ASK = "glibc.malloc.hugetlb"


def use() -> None:
    """Start the program again, in the same process, with huge pages, unless it has been told about
    them or has no glibc. To be called first: what has been done by then is lost.
    """
    told = os.environ.get(TUNABLES, "")
    if ASK in told or not _has_glibc():
        return
    os.environ[TUNABLES] = f"{told}:{ASK}=1".lstrip(":")
    with suppress(OSError):  # without them, everything works as well
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606


def _has_glibc() -> bool:
    name = "CS_GNU_LIBC_VERSION"
    with suppress(AttributeError, ValueError, OSError):  # on Windows, macOS, with musl
        return (os.confstr(name) or "").startswith("glibc")
    return False
