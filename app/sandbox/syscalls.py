"""A filter of system calls, by Linux's seccomp: a process may start threads but no processes.

The programs are those of linux/filter.h, the numbers those of linux/seccomp.h and linux/audit.h.
"""

import ctypes
import errno
import platform
import struct
from typing import NamedTuple

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
CLONE_THREAD = 0x10000

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # where they stand in a call's description
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_DENY, _UNKNOWN = _FAIL | errno.EPERM, _FAIL | errno.ENOSYS
_OTHER_ABI = 0x40000000  # the bit of x32's calls
_CLONE3 = 435


class _Architecture(NamedTuple):
    audit: int
    clone: int
    forks: tuple[int, ...]


_ARCHITECTURES = {
    "x86_64": _Architecture(0xC000003E, 56, (57, 58)),
    "aarch64": _Architecture(0xC00000B7, 220, ()),
}


def forbid_processes() -> None:
    """Let this process start threads but no processes, if the system supports the filter.

    `clone3`, whose flags a filter cannot see, is reported as missing, so that threads are started
    by `clone`. Call this after privileges have been given up.
    """
    if (architecture := _ARCHITECTURES.get(platform.machine())) is None:
        return
    code = _program(architecture)
    program = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("@HP", len(code) // 8, ctypes.addressof(program))
    ctypes.CDLL(None).prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), head, 0, 0)


def _program(architecture: _Architecture) -> bytes:
    """Return the filter: steps of an opcode, jumps if true and if false, and an operand."""
    denied = [(_RETURN, 0, 0, _DENY)]
    steps = [(_LOAD, 0, 0, _ARCHITECTURE), (_IF_EQUAL, 1, 0, architecture.audit), *denied]
    steps += [(_LOAD, 0, 0, _NUMBER), (_IF_AT_LEAST, 0, 1, _OTHER_ABI), *denied]
    for number in architecture.forks:
        steps += [(_IF_EQUAL, 0, 1, number), *denied]
    steps += [(_IF_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _UNKNOWN)]
    steps += [(_IF_EQUAL, 0, 3, architecture.clone), (_LOAD, 0, 0, _FIRST_ARGUMENT)]
    steps += [(_IF_ANY_BIT, 1, 0, CLONE_THREAD), *denied, (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
