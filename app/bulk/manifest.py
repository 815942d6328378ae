"""The keys of the pictures, out of a file instead of a listing: Parquet, or a text of lines."""

from collections.abc import Iterator

import fsspec
import pyarrow.parquet as pq

from app.bulk.store import Store, StoreError

COLUMN = "key"
"""Of a Parquet file; the first column where none has that name."""
ROWS = 10_000


def keys(url: str, store: Store) -> Iterator[str]:
    """The keys that a manifest names, as paths from the store's folder on, a part at a time.

    They may be whole URLs below it. `.gz` and the like are unpacked. Raises StoreError.
    """
    try:
        with fsspec.open(url, "rb", compression="infer") as file:
            names = _columns(file) if ".parquet" in url else _lines(file)
            yield from (store.key(name) for name in names)
    except StoreError:
        raise
    except Exception as error:  # of the file system, of Parquet, or a key that leads elsewhere
        raise StoreError(f"cannot read the manifest {url}: {error}") from error


def _columns(file: object) -> Iterator[str]:
    table = pq.ParquetFile(file)
    names = table.schema_arrow.names
    column = COLUMN if COLUMN in names else names[0]
    for batch in table.iter_batches(batch_size=ROWS, columns=[column]):
        yield from batch.column(0).to_pylist()


def _lines(file: object) -> Iterator[str]:
    for line in file:  # type: ignore[attr-defined]
        if name := line.decode().rstrip("\r\n"):
            yield name
