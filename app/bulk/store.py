"""A folder in any store that fsspec knows: S3, Google, Azure, HTTP or a disk."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, TypeVar

import fsspec
from fsspec.asyn import sync

T = TypeVar("T")

ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before the second attempt, doubled before each one after it, and the most of them."""
PAGE = 1000
"""Keys that are listed at a time, where the store lists in pages."""

OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}
"""In which a file appears once it is there whole."""

FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError)
"""Errors that another attempt would meet again."""


class StoreError(Exception):
    """The store does not do what it is asked, after several attempts."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file below the folder of a store."""

    key: str
    """Its path from that folder on."""
    url: str
    size: int | None
    """In bytes, where the store knows it."""
    version: str
    """Another one means another content: the ETag, or else size and time; empty if not
    known yet.
    """


class Store:
    """The folder at a URL; safe in many threads."""

    def __init__(self, url: str) -> None:
        """Raises StoreError where no file system answers to the URL."""
        try:
            self._fs, root = fsspec.core.url_to_fs(
                url, use_listings_cache=False, skip_instance_cache=True
            )
        except (ImportError, ValueError) as error:
            raise StoreError(f"{url}: {error}") from error
        self._root = root.rstrip("/")
        protocol = self._fs.protocol
        self._protocols = {protocol} if isinstance(protocol, str) else set(protocol)

    def url(self, key: str) -> str:
        """The whole URL of a file."""
        return str(self._fs.unstrip_protocol(self._path(key)))

    def key(self, url: str) -> str:
        """The path from here to a URL or key; raises ValueError for what lies elsewhere."""
        if "://" in url:
            prefix = self.url("")
            if not url.startswith(prefix):
                raise ValueError(f"{url} is not below {prefix}")
            url = url.removeprefix(prefix)
        if url.startswith("/") or ".." in PurePosixPath(url).parts:
            raise ValueError(f"{url!r} is not a key: it leads out of the folder")
        return url

    def files(self, folder: str = "") -> Iterator[Source]:
        """All files below, or below a folder in it, in the store's order; none if it is not there.

        S3 is listed a page at a time as they are taken, other stores a folder at a time. Raises
        StoreError.
        """
        path = f"{self._root}/{folder}".rstrip("/")
        infos = self._pages(path) if "s3" in self._protocols else self._folders(path)
        for info in infos:
            if info["type"] == "file" and not info["name"].endswith("/"):
                key = info["name"].removeprefix(f"{self._root}/")
                yield Source(key, self.url(key), info.get("size"), _version(info))

    def named(self, key: str) -> Source:
        """A file that may be there, without asking for it."""
        return Source(key, self.url(key), None, "")

    def find(self, key: str) -> Source:
        """One file; raises FileNotFoundError or StoreError."""
        info = self._retried(lambda: self._fs.info(self._path(key)))
        return Source(key, self.url(key), info.get("size"), _version(info))

    def known(self, source: Source) -> Source:
        """A source that was named and not listed, with its size and version if it is there."""
        if source.version:
            return source
        try:
            return self.find(source.key)
        except (OSError, StoreError):  # to read it will fail alike, and make a row
            return source

    def read(self, key: str, limit: int | None = None) -> bytes:
        """The content of a file, or its first `limit` bytes; raises OSError or StoreError."""
        return bytes(self._retried(lambda: self._fs.cat_file(self._path(key), end=limit)))

    def write(self, key: str, data: bytes) -> None:
        """Put a file in place whole or not at all; raises OSError or StoreError."""
        self._put(key, lambda path: self._fs.pipe_file(path, data))

    def upload(self, local: str, key: str) -> None:
        """`write` from a local file, of which a part at a time is in memory."""
        self._put(key, lambda path: self._fs.put_file(local, path))

    def delete(self, key: str) -> None:
        """Remove a file; that it is not there is well."""
        with suppress(FileNotFoundError):
            self._retried(lambda: self._fs.rm_file(self._path(key)))

    def open(self, key: str) -> Any:
        """A file to be read, in the parts that are asked for."""
        return self._retried(lambda: self._fs.open(self._path(key), "rb"))

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _put(self, key: str, put: Callable[[str], object]) -> None:
        path = self._path(key)
        if self._protocols & OBJECT_STORES:
            self._retried(lambda: put(path))
            return
        folder, _, name = path.rpartition("/")
        part = f"{folder}/.{name}.part"

        def put_aside_and_move() -> None:
            self._fs.makedirs(folder, exist_ok=True)
            put(part)
            self._fs.mv(part, path)

        self._retried(put_aside_and_move)

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        bucket, _, prefix = f"{path}/".partition("/")
        found = self._fs._iterdir(bucket, delimiter="", prefix=prefix)

        async def page() -> list[dict[str, Any]]:
            infos = []
            async for info in found:
                infos.append(info)
                if len(infos) == PAGE:
                    break
            return infos

        try:
            pages = iter(lambda: sync(self._fs.loop, page), [])
            yield from chain.from_iterable(pages)
        except Exception as error:
            raise StoreError(f"cannot list {self.url('')}: {error}") from error

    def _folders(self, path: str) -> Iterator[dict[str, Any]]:
        try:
            for _, _, files in self._fs.walk(path, detail=True, on_error="raise"):
                yield from (files[name] for name in sorted(files))
        except FileNotFoundError:
            return
        except Exception as error:
            raise StoreError(f"cannot list {self.url('')}: {error}") from error

    def _retried(self, call: Callable[[], T]) -> T:
        """What the call returns; a store that is busy or away gets growing pauses."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call()
            except FINAL:
                raise
            except Exception as error:  # each file system has errors of its own
                if attempt == ATTEMPTS:
                    raise StoreError(f"{type(error).__name__}: {error}") from error
                pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - lest all come back at once
        raise AssertionError


def _version(info: dict[str, Any]) -> str:
    etag = info.get("ETag") or info.get("etag")
    if etag:
        return str(etag).strip('"')
    times = (info.get(name) for name in ("mtime", "LastModified", "last_modified", "created"))
    return f"{info.get('size')}-{next((time for time in times if time is not None), '')}"
