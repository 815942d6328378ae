"""The outcome of each image, one row each, in Parquet beside the results.

`DST/denoiser-results/` contains one file per shard. While a shard is in progress, its rows are in
part files, which are merged into that file at the end of the run; a run that is killed leaves them
to the next one. Rows are looked up in a local database, so that memory does not grow with their
number.
"""

import sqlite3
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple
from pathlib import Path
from typing import Self

import pyarrow.parquet as pq

from app.bulk.rows import NAMES, SCHEMA, Row, State, of_values, to_rows, to_table
from app.bulk.shards import Shard
from app.bulk.store import Source, Store

FOLDER = "denoiser-results"
PART_ROWS, PART_SECONDS = 1000, 30.0
"""A part is written after this many rows or seconds. A kill costs at most one part, since images
whose rows are in no part are done again.
"""
BATCH = 10_000
COLUMNS = ", ".join(NAMES)


class Results:
    """The rows of a shard, including those of earlier runs on its images; thread-safe."""

    def __init__(self, store: Store, sources: Store, shard: Shard) -> None:
        """Read the rows that exist at the target; `sources` is the store of the images.

        Raises StoreError.
        """
        self._store, self._sources, self._shard = store, sources, shard
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="denoiser-")
        self._rows = sqlite3.connect(
            Path(self._folder.name, "rows"), isolation_level=None, check_same_thread=False
        )
        self._rows.execute("PRAGMA synchronous = OFF")
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute(f"CREATE TABLE rows ({COLUMNS}, own, PRIMARY KEY (source))")
        self._parts: list[str] = []
        self._fresh: list[Row] = []
        to_table([])  # Arrow imports pandas for its first table: not while images are in progress
        self._written = time.monotonic()
        self._load()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()
        self._folder.cleanup()

    def state(self, source: Source, options: str) -> State | None:
        """Return the recorded state of an image in this version and with these options."""
        with self._lock, closing(self._rows.cursor()) as cursor:
            cursor.execute(
                "SELECT state FROM rows WHERE source = ? AND version = ? AND options = ?",
                (source.url, source.version, options),
            )
            found = cursor.fetchone()
        return State(found[0]) if found else None

    @property
    def any(self) -> bool:
        """Whether any image has a row."""
        with self._lock, closing(self._rows.cursor()) as cursor:
            return cursor.execute("SELECT 1 FROM rows LIMIT 1").fetchone() is not None

    def failed(self) -> Iterator[str]:
        """Yield the URLs of the images recorded as failed when this is first called."""
        last = ""
        while True:
            with self._lock, closing(self._rows.cursor()) as cursor:
                cursor.execute(
                    "SELECT source FROM rows WHERE state = ? AND source > ? ORDER BY source "
                    "LIMIT ?",
                    (State.FAILED, last, BATCH),
                )
                found = [source for (source,) in cursor]
            if not found:
                return
            yield from found
            last = found[-1]

    def add(self, row: Row) -> None:
        """Add a row, which survives a kill once its part has been written."""
        with self._lock:
            self._keep(row, own=True)
            self._fresh.append(row)
            due = time.monotonic() - self._written >= PART_SECONDS
            if due or len(self._fresh) >= PART_ROWS:
                self._write_part()

    def flush(self) -> None:
        """Write the rows that are in no part yet; raises StoreError."""
        with self._lock:
            if self._fresh:
                self._write_part()

    def finish(self) -> None:
        """Merge all rows of this shard into its file, and remove the parts; raises StoreError."""
        with self._lock:
            if self._fresh or self._parts:
                local = Path(self._folder.name, "whole.parquet")
                with pq.ParquetWriter(local, SCHEMA, compression="zstd") as writer:
                    for rows in self._own():
                        writer.write_table(to_table(rows))
                self._store.upload(str(local), self._whole)
            for part in self._parts:
                self._store.delete(part)
            self._parts, self._fresh = [], []

    @property
    def _whole(self) -> str:
        return f"{FOLDER}/{self._shard}.parquet"

    @property
    def _part(self) -> str:
        """The prefix of the names of part files; not a folder, which would remain on a disk."""
        return f"{FOLDER}/{self._shard}-part-"

    def _load(self) -> None:
        for file in _files(self._store):
            is_part = file.key.startswith(self._part)
            if is_part:
                self._parts.append(file.key)
            own = is_part or file.key == self._whole
            for row in _rows_in(self._store, file.key):
                if self._is_of_this_shard(row):
                    self._keep(row, own=own)

    def _is_of_this_shard(self, row: Row) -> bool:
        try:
            return self._shard.has(self._sources.key(row.source))
        except ValueError:  # another folder's images, written to the same place
            return False

    def _keep(self, row: Row, *, own: bool) -> None:
        """Keep a row, unless a later one is known."""
        values = [*astuple(row)[:-1], row.finished.isoformat(), own]
        marks = ", ".join("?" * len(values))
        changes = ", ".join(f"{name} = excluded.{name}" for name in [*NAMES[1:], "own"])
        self._rows.execute(
            f"INSERT INTO rows VALUES ({marks}) ON CONFLICT (source) DO UPDATE SET {changes} "  # noqa: S608
            "WHERE excluded.finished >= rows.finished",
            values,
        )

    def _write_part(self) -> None:
        """Write a part under a name that is unique even if two runs of one shard overlap."""
        local = Path(self._folder.name, "part.parquet")
        pq.write_table(to_table(self._fresh), local, compression="zstd")
        part = f"{self._part}{uuid.uuid4().hex}.parquet"
        self._store.upload(str(local), part)
        self._parts.append(part)
        self._fresh, self._written = [], time.monotonic()

    def _own(self) -> Iterator[list[Row]]:
        with closing(self._rows.cursor()) as cursor:
            cursor.execute(f"SELECT {COLUMNS} FROM rows WHERE own ORDER BY source")  # noqa: S608
            while found := cursor.fetchmany(BATCH):
                yield [of_values(values) for values in found]


def read_rows(store: Store) -> Iterator[Row]:
    """Yield all rows at a target, including those in parts, in no particular order."""
    for file in _files(store):
        yield from _rows_in(store, file.key)


def _files(store: Store) -> Iterator[Source]:
    return (file for file in store.files(FOLDER) if file.key.endswith(".parquet"))


def _rows_in(store: Store, key: str) -> Iterator[Row]:
    try:
        with store.open(key) as file:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=BATCH, columns=NAMES):
                yield from to_rows(batch)
    except FileNotFoundError:  # another run of the shard has just merged it
        return
