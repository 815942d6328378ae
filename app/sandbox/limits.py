"""Limits that the operating system imposes on a worker: what it may do, and what a job may use.

Confinement goes as far as the system allows; memory, processor time and descriptors are limited
everywhere, except for memory on macOS, which does not enforce that limit.
"""

import ctypes
import math
import mmap
import os
import resource
import signal
import struct
import sys
from pathlib import Path

from app.sandbox.budget import Budget
from app.sandbox.syscalls import forbid_processes

DESCRIPTORS = 32

LINUX = sys.platform == "linux"


def impose(budget: Budget, idle_memory: int) -> None:
    """Limit this process for its next job: MemoryError beyond the memory, SIGXCPU the time."""
    if LINUX:
        most = idle_memory + budget.memory
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = math.ceil(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used + budget.seconds, resource.RLIM_INFINITY))


def has_reached_limit() -> bool:
    """Return whether a MemoryError is due to the limit of this process, not to the system.

    If so, the system grants that much memory again. This lifts the limit, so the process must end.
    """
    most, hard = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return False
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        mmap.mmap(-1, most, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        return False
    return True


def address_space() -> int:
    """Return the bytes that this process has mapped; 0 if the system does not report it."""
    if not LINUX:
        return 0
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def cpu_seconds(pid: int) -> float | None:
    """Return the processor time of a process so far; None if the system does not report it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def confine() -> None:
    """Deny this process and its children network access and all writing."""
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    if LINUX:
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        # A user namespace of its own also keeps it from reading the memory of the service.
        if _libc().unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            _libc().unshare(CLONE_NEWNET)
        _forbid_writing()


def confine_worker(parent: int, *, threads: bool = False) -> None:
    """Deny a worker many descriptors, child processes and, unless `threads`, further threads."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    if threads and LINUX:  # its limit on processes would count the threads of all workers
        forbid_processes()
    else:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    if LINUX:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before that took effect
        os._exit(0)


PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h

# linux/landlock.h; the numbers of the calls are the same on all architectures
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
LANDLOCK_VERSION = 1
WRITE_FILE, REMOVE_AND_MAKE, TRUNCATE = 1 << 1, 0x1FF << 4, 1 << 14
TCP, SCOPES = 0b11, 0b11  # bind and connect; abstract sockets and signals


def landlock_version() -> int:
    """Return the kernel's version of Landlock; less than 1 without it."""
    size, flags = ctypes.c_size_t(0), LANDLOCK_VERSION
    return int(_libc().syscall(LANDLOCK_CREATE_RULESET, None, size, flags))


def _forbid_writing() -> None:
    """Forbid writing, creating and removing files by Landlock, if the kernel has it."""
    syscall, version = _libc().syscall, landlock_version()
    if version < 1:
        return
    files = WRITE_FILE | REMOVE_AND_MAKE | (TRUNCATE if version >= 3 else 0)
    rules = struct.pack("=Q", files)
    rules += struct.pack("=Q", TCP) if version >= 4 else b""
    rules += struct.pack("=Q", SCOPES) if version >= 6 else b""
    ruleset = syscall(LANDLOCK_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset >= 0:
        syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0)
        os.close(ruleset)


def _prctl(option: int, value: int) -> None:
    _libc().prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
