"""Process rows of images by actors that each keep a loaded model."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, Dataset

from app.bulk.convert import Converter, asked_for, failure
from app.bulk.rows import SCHEMA, State, to_table
from app.bulk.store import Source, Store
from app.service.local import package_of
from app.service.options import DenoiseOptions
from app.service.pipeline import Pipeline
from app.settings import Settings

AT_ONCE = 16
"""Images per batch. An actor processes two batches at a time, enough to fill the batches of the
network, with two more waiting; a lost machine costs the work on four.
"""

OUTCOME = pa.schema(
    [
        ("bytes", pa.large_binary()),
        ("format", pa.string()),
        *map(SCHEMA.field, ("state", "code", "detail", "model", "sigma", "seconds")),
    ]
)
"""Columns that are added to a row of bytes: `bytes` is the result, or null if the image failed; the
others are those of the results between stores.
"""


def denoise(
    dataset: Dataset,
    *,
    source: str | None = None,
    target: str | None = None,
    actors: int | tuple[int, int] | None = None,
    cpus: float | None = None,
    gpus: float = 0.0,
    settings: Settings | None = None,
    **options: Any,
) -> Dataset:
    """Denoise the images of a dataset, lazily, as all transformations of Ray Data do.

    The rows have an image file in the column `bytes`; they come back with the columns of OUTCOME,
    and keep all others. Alternatively, with the folders `source` and `target` (URLs known to
    fsspec), the rows have a `key`, the path below `source`; results are written below `target`, and
    the rows come back as those of its results (`app.bulk.rows.Row`). An image that fails is a
    row with the state "failed".

    `actors` is the number of processes, or the least and the most; by default as many as the
    cluster has room for. Each takes `cpus`, which is also its number of threads (by default the
    cores of the smallest machine of several cores less one, left to the tasks that read the
    dataset), and `gpus`.
    `settings` are those of the service, by default from the environment; `options` are fields of
    `DenoiseOptions`.

    >>> images = ray.data.read_binary_files("s3://scans", include_paths=True)
    >>> denoise(images, strength=0.8).write_parquet("s3://clean")

    Raises ValidationError for invalid options, TypeError for one folder without the other, and
    TooSmall if no machine has several cores and `cpus` are not given.
    """
    if (source is None) != (target is None):
        raise TypeError("source and target go together")
    settings = settings or Settings()
    cpus = cpus or _cpus_to_spare()
    given = DenoiseOptions(**options).model_dump(mode="json", exclude_defaults=True)
    known = portable(settings, cpus)
    least, most = (actors, actors) if isinstance(actors, int) else actors or (1, None)
    return dataset.map_batches(
        Keys if source else Bytes,
        fn_constructor_args=(source, target, given, known) if source else (given, known),
        batch_size=AT_ONCE,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(
            min_size=least,
            max_size=most,
            max_concurrent_calls_per_actor=2,
            max_tasks_in_flight_per_actor=4,  # with fewer, the pool never sees reason to grow
            enable_true_multi_threading=True,
        ),
        num_cpus=cpus,
        num_gpus=gpus,
        udf_modifying_row_count=False,
    )


def portable(settings: Settings, cpus: float) -> dict[str, Any]:
    """Return settings for a process elsewhere with `cpus` cores: those that differ from the
    defaults, which that process takes from its own installation.
    """
    known = settings.model_dump(mode="json", exclude_defaults=True)
    return {"threads": max(1, int(cpus))} | known


class TooSmall(Exception):
    """The cluster has no room for an actor and a task that feeds it."""


class _Actor:
    """Processes the rows of a batch side by side."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2 * AT_ONCE, "image")

    def _each(self, work: Callable[[Any], Any], column: list[Any]) -> list[Any]:
        return list(self._threads.map(work, column))


class Bytes(_Actor):
    """Denoises rows of files."""

    def __init__(self, options: dict[str, Any], settings: dict[str, Any]) -> None:
        super().__init__()
        self._pipeline = Pipeline(DenoiseOptions(**options), Settings(**settings))

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the batch with the columns of OUTCOME."""
        outcomes = self._each(self._outcome, batch.column("bytes").to_pylist())
        kept = [name for name in batch.column_names if name not in OUTCOME.names]
        return pa.Table.from_arrays(
            [*batch.select(kept).columns, *pa.Table.from_pylist(outcomes, OUTCOME).columns],
            schema=pa.schema([*batch.select(kept).schema, *OUTCOME]),
        )

    def _outcome(self, data: bytes | None) -> dict[str, Any]:
        began = time.monotonic()
        try:
            result = self._pipeline(data or b"")
        except Exception as error:  # whatever it is, the other images continue
            found = failure(error)
        else:
            found = {
                "state": State.DONE.value,
                "bytes": result.data,
                "format": result.format.value,
                "model": result.model,
                "sigma": result.sigma,
            }
        return found | {"seconds": time.monotonic() - began}


class Keys(_Actor):
    """Denoises files between two stores, by rows of their keys."""

    def __init__(
        self, source: str, target: str, options: dict[str, Any], settings: dict[str, Any]
    ) -> None:
        super().__init__()
        given, made = DenoiseOptions(**options), Settings(**settings)
        self._sources = Store(source)
        self._convert = Converter(
            self._sources,
            Store(target),
            Pipeline(given, made),
            options=asked_for(given, package_of(given, made).card.name),
            max_pixels=made.max_pixels,
        )

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the rows of the results."""
        return to_table(self._each(self._row, batch.to_pylist()))

    def _row(self, row: dict[str, Any]) -> Any:
        key = row["key"]
        source = Source(key, self._sources.url(key), row.get("size"), row.get("version") or "")
        return self._convert(self._sources.known(source))


def _cpus_to_spare() -> float:
    if not ray.is_initialized():
        ray.init()
    cores = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
    if max(cores, default=0.0) < 2:
        raise TooSmall("a machine of two cores is needed: one for the network, one to read")
    return float(min(count for count in cores if count >= 2)) - 1
