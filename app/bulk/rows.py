"""The row that records the outcome of an image, and rows as Arrow tables."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa


class State(StrEnum):
    """The outcome of an image."""

    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The row of one image."""

    source: str
    """URL of the source; `target` is one, too."""
    target: str | None = None
    state: State
    code: str | None = None
    """Problem code, as in the service; None if the image is done, as is `detail`."""
    detail: str | None = None
    model: str | None = None
    """Name of the model that was used; None if the image failed, as are `sigma` and `bytes`."""
    sigma: float | None = None
    """Standard deviation of the noise found, 0..1."""
    seconds: float
    """Time from before the source was read until the result was written."""
    bytes: int | None = None
    """Size of the result."""
    version: str
    """Version of the source: its ETag, or its size and modification time."""
    options: str
    """The options that were requested, the default model first."""
    finished: datetime


SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("target", pa.string()),
        ("state", pa.string()),
        ("code", pa.string()),
        ("detail", pa.string()),
        ("model", pa.string()),
        ("sigma", pa.float64()),
        ("seconds", pa.float64()),
        ("bytes", pa.int64()),
        ("version", pa.string()),
        ("options", pa.string()),
        ("finished", pa.timestamp("us", tz="UTC")),
    ]
)
NAMES = [field.name for field in fields(Row)]


def now() -> datetime:
    """Return the current time as rows record it."""
    return datetime.now(UTC)


def of_values(values: tuple[Any, ...]) -> Row:
    """Return the row of these values, in the order of NAMES, as a database returns them."""
    named = dict(zip(NAMES, values, strict=True))
    state, finished = State(named["state"]), datetime.fromisoformat(named["finished"])
    return Row(**named | {"state": state, "finished": finished})


def to_table(rows: list[Row]) -> Any:
    """Return rows as an Arrow table of SCHEMA."""
    columns = [dict(zip(NAMES, astuple(row), strict=True)) for row in rows]
    return pa.Table.from_pylist(columns, SCHEMA)


def to_rows(table: Any) -> Iterator[Row]:
    """Yield the rows of an Arrow table or batch of SCHEMA."""
    for values in table.to_pylist():
        yield Row(**values | {"state": State(values["state"])})
