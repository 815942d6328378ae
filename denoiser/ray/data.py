"""Rows of pictures through actors that each hold a warm model."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, Dataset

from app.bulk.convert import Converter, between, code_of, pipeline_of
from app.bulk.results import Row, State, to_table
from app.bulk.store import Source
from app.pipeline import Result
from app.service.options import DenoiseOptions
from app.settings import Settings

AT_ONCE = 16
"""Pictures of a batch, and threads of an actor for each of the two batches that it has at a time:
enough for the network's batches, few enough that a lost machine costs little.
"""

OUTCOME = pa.schema(
    [
        ("bytes", pa.large_binary()),
        ("format", pa.string()),
        ("state", pa.string()),
        ("code", pa.string()),
        ("detail", pa.string()),
        ("sigma", pa.float64()),
        ("seconds", pa.float64()),
    ]
)
"""Columns of a row of bytes once it is done, beside its own: `bytes` is the result, null where the
picture failed; the others are as in the results between stores.
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
    """The pictures of a data set, denoised when it is read.

    Rows have a picture's file in `bytes`, and come back with the columns of OUTCOME; further
    columns stay. Or, with the folders `source` and `target` (URLs that fsspec knows), they have a
    `key`, a path from `source` on; the results are written to `target`, and the rows become those
    of its results (`app.bulk.results.Row`). A picture that fails is a row with the state "failed".

    `actors` is how many processes work, or the least and the most; as many as the cluster has room
    for unless given. Each takes `cpus`, which are its threads, too (all cores of the smallest
    machine, less one for whoever reads the rows), and `gpus`. `settings` are those of the service
    (from the environment unless given), and `options` those of `DenoiseOptions`: `strength=0.8`.

    >>> pictures = ray.data.read_binary_files("s3://scans", include_paths=True)
    >>> denoise(pictures, strength=0.8).write_parquet("s3://clean")

    Raises ValidationError for wrong options, and TypeError for one folder without the other.
    """
    if (source is None) != (target is None):
        raise TypeError("source and target go together")
    settings = settings or Settings()
    cpus = cpus or _cpus_of_a_machine()
    given = DenoiseOptions(**options).model_dump(mode="json", exclude_defaults=True)
    known = settings.model_dump(mode="json", exclude_defaults=True)
    known.setdefault("threads", max(1, int(cpus)))
    arguments: tuple[Any, ...] = (given, known)
    least, most = (actors, actors) if isinstance(actors, int) else actors or (1, None)
    return dataset.map_batches(
        Keys if source else Bytes,
        fn_constructor_args=(source, target, *arguments) if source else arguments,
        batch_size=AT_ONCE,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(
            min_size=least,
            max_size=most,
            max_concurrent_calls_per_actor=2,
            max_tasks_in_flight_per_actor=3,
            enable_true_multi_threading=True,
        ),
        num_cpus=cpus,
        num_gpus=gpus,
        udf_modifying_row_count=False,
    )


class _Actor:
    """Works on the rows of a batch side by side."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2 * AT_ONCE, "picture")

    def _each(self, work: Callable[..., Any], *columns: Any) -> list[Any]:
        return list(self._threads.map(work, *columns))


class Bytes(_Actor):
    """Rows of files."""

    def __init__(self, options: dict[str, Any], settings: dict[str, Any]) -> None:
        super().__init__()
        self._pipeline = pipeline_of(DenoiseOptions(**options), Settings(**settings))

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The batch with the columns of OUTCOME."""
        outcomes = self._each(self._outcome, batch.column("bytes").to_pylist())
        kept = [name for name in batch.column_names if name not in OUTCOME.names]
        table = batch.select(kept)
        for index, field in enumerate(OUTCOME):
            values = pa.array([outcome[index] for outcome in outcomes], field.type)
            table = table.append_column(field, values)
        return table

    def _outcome(self, data: bytes | None) -> tuple[Any, ...]:
        began, result = time.monotonic(), None
        code = detail = None
        try:
            result = self._pipeline(data or b"")
        except Exception as error:  # whatever it is, the other pictures go on
            code, detail = code_of(error), str(error) or type(error).__name__
        seconds = time.monotonic() - began
        if result is None:
            return None, None, State.FAILED.value, code, detail, None, seconds
        return result.data, result.format.value, State.DONE.value, None, None, result.sigma, seconds


class Keys(_Actor):
    """Rows of keys between two stores."""

    def __init__(
        self, source: str, target: str, options: dict[str, Any], settings: dict[str, Any]
    ) -> None:
        super().__init__()
        self._convert = between(source, target, DenoiseOptions(**options), Settings(**settings))

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The rows of the results."""
        sources = [self._convert.source(**row) for row in batch.to_pylist()]
        return to_table(self._each(self._convert, sources))


def _cpus_of_a_machine() -> float:
    machines = (node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"])
    return max(1.0, min((cpus for cpus in machines if cpus), default=1.0) - 1)
