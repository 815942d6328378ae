"""Memory for images and files: private, or an anonymous file that two processes map."""

import errno
import fcntl
import math
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LARGEST_WRITE = 1 << 30  # bytes; one system call moves less than 2 GiB


class Area:
    """An area of bytes that can be shortened: `size` counts those in use."""

    def __init__(self, view: memoryview) -> None:
        """Take `view`, which may be a part of something larger."""
        self.size, self._bytes = len(view), view

    @classmethod
    def private(cls, size: int) -> "Area":
        """Return memory of this process alone, with arbitrary content."""
        return Area(np.empty(size, np.uint8).data)

    @property
    def view(self) -> memoryview:
        """All bytes, for reading and writing."""
        return self._bytes[: self.size]

    def array(self, shape: tuple[int, ...], dtype: DTypeLike, offset: int = 0) -> NDArray[Any]:
        """Return the samples at `offset`; raise ValueError if they exceed the area."""
        return np.frombuffer(self.view, dtype, math.prod(shape), offset).reshape(shape)

    def read(self) -> bytes:
        """Return a copy of all bytes."""
        return bytes(self.view)


class Region(Area):
    """Memory to be shared, initially zero; untouched pages take no memory.

    Whoever gets the descriptor sees the same bytes but cannot change the size: reading a mapping
    that exceeds its file would crash. Views keep the mapping alive; the descriptor is closed by
    `close`, or with the region.
    """

    def __init__(self, size: int, fd: int | None = None) -> None:
        """Allocate a region, or open the one of the descriptor `fd` from another process.

        Raises MemoryError if there is no descriptor left.
        """
        self.size = size
        self._fd = -1
        with _exhaustion(size):
            self._fd = _anonymous_file(max(size, 1)) if fd is None else fd
        self._map: mmap.mmap | None = None

    @classmethod
    def holding(cls, *parts: bytes | memoryview) -> "Region":
        """Return a region with the bytes of `parts`; takes a millisecond for a few megabytes.

        That is half the time of writing into its `view`, which faults page by page.
        """
        region, end = cls(sum(map(len, parts))), 0
        for view in (memoryview(part) for part in parts):
            for start in range(0, len(view), LARGEST_WRITE):
                end += os.pwrite(region.fd, view[start : start + LARGEST_WRITE], end)
        return region

    @property
    def fd(self) -> int:
        """The descriptor, to be sent to another process."""
        return self._fd

    @property
    def view(self) -> memoryview:
        """All bytes, for reading and writing; raises MemoryError if there is no room for them."""
        if self._map is None:
            with _exhaustion(self.size):
                self._map = mmap.mmap(self._fd, max(self.size, 1), mmap.MAP_SHARED)
        return memoryview(self._map)[: self.size]

    def close(self) -> None:
        """Close the descriptor; views stay as they are."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()


@contextmanager
def _exhaustion(size: int) -> Iterator[None]:
    """Turn a lack of memory, or of descriptors, into MemoryError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOMEM, errno.EMFILE, errno.ENFILE):
            raise MemoryError(f"no room for {size} bytes") from error
        raise


def _anonymous_file(size: int) -> int:
    """Return the descriptor of an anonymous file of `size` bytes."""
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
