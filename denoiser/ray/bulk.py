"""`denoiser denoise SRC DST --ray`: denoise between two stores on all machines of a cluster."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pyarrow as pa
import ray
from ray import ObjectRef
from ray.data import DataContext

from app.bulk.rows import State, to_rows
from app.bulk.run import Run, Summary
from app.bulk.store import Source
from app.service.options import DenoiseOptions
from app.settings import Settings
from denoiser.ray.data import AT_ONCE, denoise

SCHEMA = pa.schema([("key", pa.string()), ("size", pa.int64()), ("version", pa.string())])
KEYS = 10_000
"""Keys per object in the cluster's store; actors take them in batches."""


def run(
    sources: Iterable[Source], run: Run, options: DenoiseOptions, settings: Settings, *, gpus: float
) -> Summary:
    """Process what is not done yet; this process lists the sources and keeps the results.

    The keys of all images are put into the cluster's object store, which spills to disk, before the
    first image is processed. After `run.stop`, images in progress are abandoned. Raises StoreError
    as `app.bulk.run` does.
    """
    if not ray.is_initialized():
        ray.init(logging_level="WARNING")
    DataContext.get_current().enable_progress_bars = False
    try:
        keys = [ray.put(table) for table in _tables(_unsettled(sources, run))]
        for row in _rows(keys, run, options, settings, gpus):
            run.take(row)
            if run.stop.is_set():
                break
    finally:
        summary = run.end()
    return summary


def _rows(
    keys: list[ObjectRef[pa.Table]],
    run: Run,
    options: DenoiseOptions,
    settings: Settings,
    gpus: float,
) -> Iterator[Any]:
    if not keys or run.stop.is_set():
        return
    given = options.model_dump(mode="json", exclude_defaults=True)
    dataset = denoise(
        ray.data.from_arrow_refs(keys).repartition(target_num_rows_per_block=AT_ONCE),
        source=run.sources.place,
        target=run.targets.place,
        gpus=gpus,
        settings=settings,
        **given,
    )
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        yield from to_rows(batch)


def _unsettled(sources: Iterable[Source], run: Run) -> Iterator[Source]:
    """Take what is settled; yield the rest. The versions of named sources are looked up, many at a
    time, if there are earlier results to compare them with.
    """
    sources = iter(sources)
    with ThreadPoolExecutor(2 * AT_ONCE, "look-up") as pool:
        while some := list(islice(sources, 1000)):
            if run.stop.is_set():
                return
            for source in pool.map(run.sources.known, some) if run.results.any else some:
                state: State | None = run.settled(source)
                if state is None:
                    yield source
                else:
                    run.take(state)


def _tables(sources: Iterator[Source]) -> Iterator[pa.Table]:
    while some := list(islice(sources, KEYS)):
        columns = [[getattr(source, name) for source in some] for name in SCHEMA.names]
        yield pa.table(columns, schema=SCHEMA)
