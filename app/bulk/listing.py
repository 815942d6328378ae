"""List the files of a store as they are taken, in its own order."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

from fsspec.asyn import sync

from app.bulk import folders

PAGE = 1000
"""Keys listed at a time, where the store lists in pages."""

Info = dict[str, Any]
"""What a file system reports about a file or folder: its `name`, `type`, `size` and more."""


def listed(system: Any, protocols: Collection[str], path: str) -> Iterator[Info]:
    """Yield everything below a folder of an fsspec file system that has these protocols.

    S3 is listed page by page, a disk in constant memory, and any other store folder by folder.
    Raises whatever the file system raises.
    """
    if "s3" in protocols:
        return _pages(system, path)
    return _local(system, path) if "file" in protocols else _by_folder(system, path)


def _pages(system: Any, path: str) -> Iterator[Info]:
    bucket, _, prefix = f"{path}/".partition("/")
    found = system._iterdir(bucket, delimiter="", prefix=prefix)

    async def page() -> list[Info]:
        infos = []
        async for info in found:
            infos.append(info)
            if len(infos) == PAGE:
                break
        return infos

    return chain.from_iterable(iter(lambda: sync(system.loop, page), []))


def _local(system: Any, path: str) -> Iterator[Info]:
    for file in folders.files(path):
        file.encode()  # a name that is not UTF-8 can be in no URL and no row
        with suppress(FileNotFoundError):  # it has gone since
            yield system.info(file)


def _by_folder(system: Any, path: str) -> Iterator[Info]:
    with suppress(FileNotFoundError):
        for _, _, files in system.walk(path, detail=True, on_error="raise"):
            yield from (files[name] for name in sorted(files))
