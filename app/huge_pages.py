"""Huge pages for large arrays, which save processors the lookup of millions of small ones.

The network takes about a fifth less time for large tiles with them (`python -m benchmarks.pages`).
Linux grants them to all processes or to those that ask; glibc, from 2.35 on, asks if an environment
variable said so before the process started.
"""

import os
import sys
from contextlib import suppress

TUNABLES = "GLIBC_TUNABLES"
"""The variable that configures glibc; a value that already mentions huge pages is kept."""

ASK = "glibc.malloc.hugetlb"


def use() -> None:
    """Restart the program in the same process with huge pages, unless they are configured already
    or there is no glibc. Call this first: anything done before is lost.
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
