"""Memory for pictures and files: of this process alone, or a file without a name that two map."""

import errno
import fcntl
import math
import mmap
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LARGEST_WRITE = 1 << 30  # bytes; one call of the system moves less than 2 GiB


class Area:
    """So many bytes, which may be made fewer: `size` are those that count."""

    def __init__(self, view: memoryview) -> None:
        """All of `view`, which may be a part of something larger."""
        self.size, self._bytes = len(view), view

    @classmethod
    def private(cls, size: int) -> "Area":
        """Memory of this process alone, whatever is in it."""
        return Area(np.empty(size, np.uint8).data)

    @property
    def view(self) -> memoryview:
        """All bytes, to be read and written."""
        return self._bytes[: self.size]

    def array(self, shape: tuple[int, ...], dtype: DTypeLike, offset: int = 0) -> NDArray[Any]:
        """The samples at `offset`; raises ValueError where they would reach beyond the area."""
        return np.frombuffer(self.view, dtype, math.prod(shape), offset).reshape(shape)

    def read(self) -> bytes:
        """A copy of all bytes."""
        return bytes(self.view)


class Region(Area):
    """Memory to be shared, zero at first; pages that nobody has touched take none.

    Whoever gets the descriptor sees the same bytes, and cannot change how many there are: a mapping
    that outgrew its file would end the process that reads it. Views keep the mapping alive; the
    descriptor is closed with `close`, or when the region goes.
    """

    def __init__(self, size: int, fd: int | None = None) -> None:
        """A new region, or one whose descriptor `fd` came from another process."""
        self.size = size
        self._fd = _anonymous_file(max(size, 1)) if fd is None else fd
        self._map: mmap.mmap | None = None

    @classmethod
    def holding(cls, data: bytes | memoryview) -> "Region":
        """A region with the bytes of `data`; takes a millisecond for a few megabytes."""
        region, view = cls(len(data)), memoryview(data)
        for start in range(0, len(data), LARGEST_WRITE):
            os.pwrite(region.fd, view[start : start + LARGEST_WRITE], start)
        return region

    @property
    def fd(self) -> int:
        """The descriptor, to be sent to another process."""
        return self._fd

    @property
    def view(self) -> memoryview:
        """All bytes, to be read and written; raises MemoryError where there is no room for them."""
        if self._map is None:
            try:
                self._map = mmap.mmap(self._fd, max(self.size, 1), mmap.MAP_SHARED)
            except OSError as error:
                if error.errno == errno.ENOMEM:
                    raise MemoryError(f"no room for {self.size} bytes") from error
                raise
        return memoryview(self._map)[: self.size]

    def close(self) -> None:
        """Closes the descriptor; views stay as they are."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()


def _anonymous_file(size: int) -> int:
    """A descriptor of a file of so many bytes that has no name."""
    if not hasattr(os, "memfd_create"):  # not on macOS
        with tempfile.TemporaryFile() as file:
            file.truncate(size)
            return os.dup(file.fileno())
    fd = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(fd)
        raise
    return fd
