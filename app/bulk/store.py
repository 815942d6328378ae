"""A folder in any store that fsspec supports: S3, Google, Azure, HTTP or a disk."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, TypeVar

import fsspec

from app.bulk.listing import listed

T = TypeVar("T")

ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before the second attempt, doubled before each further one, and the maximum."""
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}
"""Protocols of stores where a file appears once it is complete. Elsewhere it is written under a
temporary name and moved.
"""

CONNECTIONS = 32
"""Connections to one S3 store at a time, as many as images in progress: botocore's default of 10
would make them wait for each other if the store is slow.
"""
READING = {"max_concurrency": 1}
"""Without this, the S3 file system first requests the size of each file, to read long ones in
parts.
"""

FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError)
"""Errors that are not worth another attempt."""


class StoreError(Exception):
    """The store still fails after several attempts."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file below the folder of a store."""

    key: str
    """Its path from that folder."""
    url: str
    size: int | None
    """Size in bytes, where the store reports it."""
    version: str
    """Changes with the content: the ETag, or else size and modification time; empty if not known
    yet.
    """


class Store:
    """The folder at a URL; thread-safe."""

    def __init__(self, url: str) -> None:
        """Open the folder; raise StoreError if no file system supports the URL."""
        self.place = url
        try:
            self._fs, root = fsspec.core.url_to_fs(
                url, use_listings_cache=False, skip_instance_cache=True, **_connections(url)
            )
        except (ImportError, ValueError) as error:
            raise StoreError(f"{url}: {error}") from error
        self._root = root.rstrip("/")
        protocol = self._fs.protocol
        self._protocols = {protocol} if isinstance(protocol, str) else set(protocol)

    def url(self, key: str) -> str:
        """Return the full URL of a file, or that of the folder, with a slash at its end."""
        url = str(self._fs.unstrip_protocol(self._path(key)))
        return url if key else f"{url.rstrip('/')}/"  # file systems differ about that slash

    def key(self, url: str) -> str:
        """Return the key of a URL or key below this folder; raise ValueError for any other."""
        if "://" in url:
            prefix = self.url("")
            if not url.startswith(prefix):
                raise ValueError(f"{url} is not below {prefix}")
            url = url.removeprefix(prefix)
        if url.startswith("/") or ".." in PurePosixPath(url).parts:
            raise ValueError(f"{url!r} is not a key: it leads out of the folder")
        return url

    def files(self, folder: str = "") -> Iterator[Source]:
        """Yield all files below this folder or a subfolder, in the store's order.

        They are listed as they are taken. Raises StoreError.
        """
        path = f"{self._root}/{folder}".rstrip("/")
        try:
            for info in listed(self._fs, self._protocols, path):
                if info["type"] == "file" and not info["name"].endswith("/"):
                    key = info["name"].removeprefix(f"{self._root}/")
                    yield Source(key, self.url(key), info.get("size"), _version(info))
        except Exception as error:  # each file system raises errors of its own
            raise StoreError(f"cannot list {self.url('')}: {error}") from error

    def named(self, key: str) -> Source:
        """Return a file that may exist, without a request to the store."""
        return Source(key, self.url(key), None, "")

    def find(self, key: str) -> Source:
        """Return one file; raise FileNotFoundError or StoreError."""
        info = self._retried(lambda: self._fs.info(self._path(key)))
        return Source(key, self.url(key), info.get("size"), _version(info))

    def known(self, source: Source) -> Source:
        """Return a source that was named and not listed, with its size and version if it exists."""
        if source.version:
            return source
        try:
            return self.find(source.key)
        except (OSError, StoreError):  # reading it will fail in the same way, and be recorded
            return source

    def read(self, key: str, limit: int | None = None) -> bytes:
        """Return the content of a file, or its first `limit` bytes; raise OSError or StoreError."""
        more = READING if "s3" in self._protocols else {}
        call = partial(self._fs.cat_file, self._path(key), end=limit, **more)
        return bytes(self._retried(call))

    def write(self, key: str, data: bytes) -> None:
        """Put a file in place, whole or not at all; raise OSError or StoreError."""
        self._put(key, lambda path: self._fs.pipe_file(path, data))

    def upload(self, local: str, key: str) -> None:
        """Write a local file, holding one part of it at a time in memory."""
        self._put(key, lambda path: self._fs.put_file(local, path))

    def delete(self, key: str) -> None:
        """Remove a file, if it exists."""
        with suppress(FileNotFoundError):
            self._retried(lambda: self._fs.rm_file(self._path(key)))

    def open(self, key: str) -> Any:
        """Open a file for reading in arbitrary parts."""
        return self._retried(lambda: self._fs.open(self._path(key), "rb"))

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _put(self, key: str, put: Callable[[str], object]) -> None:
        path = self._path(key)
        if self._protocols & OBJECT_STORES:
            self._retried(lambda: put(path))
            return
        folder, _, name = path.rpartition("/")
        # not made of the target's name, which may be the longest possible
        part = f"{folder}/.{sha256(name.encode()).hexdigest()[:32]}.part"

        def put_aside_and_move() -> None:
            self._fs.makedirs(folder, exist_ok=True)
            put(part)
            self._fs.mv(part, path)

        self._retried(put_aside_and_move)

    def _retried(self, call: Callable[[], T]) -> T:
        """Return the result of a call, retried after growing pauses while the store fails."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call()
            except FINAL:
                raise
            except Exception as error:  # each file system raises errors of its own
                if attempt == ATTEMPTS:
                    raise StoreError(f"{type(error).__name__}: {error}") from error
                pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - lest all come back at once
        raise AssertionError


def _connections(url: str) -> dict[str, Any]:
    """Return the option for the number of connections, unless FSSPEC_S3 sets another."""
    protocol = url.partition("://")[0]
    if protocol not in ("s3", "s3a"):
        return {}
    given = fsspec.config.conf.get(protocol, {}).get("config_kwargs", {})
    return {"config_kwargs": {"max_pool_connections": CONNECTIONS} | given}


def _version(info: dict[str, Any]) -> str:
    etag = info.get("ETag") or info.get("etag")
    if etag:
        return str(etag).strip('"')
    times = (info.get(name) for name in ("mtime", "LastModified", "last_modified", "created"))
    return f"{info.get('size')}-{next((time for time in times if time is not None), '')}"
