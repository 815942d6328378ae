"""Read the keys of the images from a file instead of a listing: Parquet, or text lines."""

from collections.abc import Iterator

import fsspec
import pyarrow.parquet as pq

from app.bulk.store import FINAL, Store, StoreError
from app.console import Misuse

COLUMN = "key"
"""The column of a Parquet file; if there is none of this name, the first."""
ROWS = 10_000


def keys(url: str, store: Store) -> Iterator[str]:
    """Yield the keys in a manifest as paths from the store's folder, reading it in pieces.

    Keys may also be full URLs below that folder. Compressed files, such as `.gz`, are unpacked.
    Raises Misuse for one that is not there or makes no sense, and StoreError.
    """
    try:
        with fsspec.open(url, "rb", compression="infer") as file:
            names = _columns(file) if ".parquet" in url else _lines(file)
            yield from (store.key(name) for name in names)
    except (*FINAL, ImportError, ValueError) as error:  # Parquet's are ValueErrors, too
        raise Misuse(f"--manifest: cannot read {url}: {error}") from error
    except Exception as error:  # each file system raises errors of its own
        raise StoreError(f"cannot read the manifest {url}: {error}") from error


def _columns(file: object) -> Iterator[str]:
    table = pq.ParquetFile(file)
    names = table.schema_arrow.names
    if not names:
        raise ValueError("it has no columns")
    column = COLUMN if COLUMN in names else names[0]
    for batch in table.iter_batches(batch_size=ROWS, columns=[column]):
        for name in batch.column(0).to_pylist():
            if not isinstance(name, str):
                raise ValueError(f"{name!r} in the column {column!r} is not a key")
            yield name


def _lines(file: object) -> Iterator[str]:
    coding = "utf-8-sig"  # programs of Windows begin a file with a byte order mark
    for line in file:  # type: ignore[attr-defined]
        if name := line.decode(coding).rstrip("\r\n"):
            yield name
        coding = "utf-8"
