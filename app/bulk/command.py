"""`denoiser denoise` between stores: its flags, its run, and its report."""

import argparse
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.console import FAILED, UNFINISHED, Misuse, complain, reason_of
from app.service.options import DenoiseOptions
from app.settings import Settings

if TYPE_CHECKING:
    from app.bulk.results import Results
    from app.bulk.rows import Row
    from app.bulk.run import Run, Summary
    from app.bulk.shards import Shard
    from app.bulk.store import Source, Store

AT_ONCE = 32
"""Images in progress at a time, most of them waiting for the store."""
REPORT_SECONDS = 60.0
FLAGS = ("manifest", "shard", "retry_failed", "ray", "gpus")
"""The flags that only apply between stores."""


@dataclass(frozen=True)
class Request:
    """The arguments of the command, apart from the options for each image."""

    source: str
    target: str
    overwrite: bool = False
    as_json: bool = False
    manifest: str | None = None
    shard: str | None = None
    retry_failed: bool = False
    ray: bool = False
    gpus: float = 0.0


def place(text: str) -> str | Path:
    """Return a URL unchanged, and anything else as a path."""
    return text if "://" in text else Path(text)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that only apply between stores."""
    stores = parser.add_argument_group(
        "between stores",
        "SRC and DST are folders: URLs such as s3://bucket/scans, or local.\n"
        "The exit code is 75 if the work was stopped, or a store is unavailable: run it\nagain.",
    )
    stores.add_argument(
        "--manifest",
        metavar="FILE",
        help="keys below SRC, instead of all: a Parquet file, or text with one a line",
    )
    stores.add_argument(
        "--shard",
        metavar="I/N",
        help="only part I of N, from 0 on; auto/N or auto take them from the scheduler's "
        "environment, such as JOB_COMPLETION_INDEX",
    )
    stores.add_argument(
        "--retry-failed",
        action="store_true",
        default=None,
        help="only the images that the results in DST record as failed",
    )
    stores.add_argument(
        "--ray",
        action="store_true",
        default=None,
        help="use all machines of the Ray cluster at RAY_ADDRESS",
    )
    stores.add_argument(
        "--gpus",
        type=float,
        metavar="N",
        help="with --ray, GPUs per process; at 0.5, two processes share one [0]",
    )


def request_of(
    inputs: Sequence[str | Path],
    output: str | Path | None,
    flags: Mapping[str, Any],
    *,
    overwrite: bool,
    as_json: bool,
) -> Request | None:
    """Return the request, or None if it is not between stores; raise Misuse if it is invalid.

    `flags` has the values of those in FLAGS that are given and neither 0 nor empty.
    """
    places = [str(each) for each in (*inputs, *([] if output is None else [output]))]
    if "gpus" in flags and "ray" not in flags:
        raise Misuse("--gpus needs --ray")
    if not (flags or any(isinstance(each, str) for each in (*inputs, output))):
        return None
    if len(places) != 2:
        raise Misuse("between stores, give one SRC and one DST")
    if "manifest" in flags and "retry_failed" in flags:
        raise Misuse("--retry-failed takes its images from the results: leave out --manifest")
    if "shard" in flags and "ray" in flags:
        raise Misuse("--ray shares the images among the machines: leave out --shard")
    source, target = places
    return Request(source, target, overwrite, as_json, **flags)


def denoise(request: Request, options: DenoiseOptions, settings: Settings) -> int:
    """Denoise the images that are not done yet; return the exit code.

    Raises Misuse, UnknownModel and BadModelPackage.
    """
    try:
        from app.bulk.store import Store, StoreError
    except ImportError as error:
        raise Misuse(f"{error.name} is needed: pip install 'denoiser[cloud]'") from error
    from app.bulk.convert import asked_for
    from app.bulk.results import Results
    from app.bulk.run import Choice, Run
    from app.service.local import package_of

    asked = asked_for(options, package_of(options, settings).card.name)
    shard, choice = _shard(request), Choice(asked, request.overwrite, request.retry_failed)
    try:
        sources, targets = Store(request.source), Store(request.target)
    except StoreError as error:  # there is no such kind of store, or its package is missing
        raise Misuse(reason_of(error)) from error
    try:
        with Results(targets, sources, shard) as results, _stopping() as stop:
            report = _reporter(as_json=request.as_json)
            run = Run(sources, targets, results, choice, stop, report)
            images = wanted(request, sources, targets, shard, results)
            if request.ray:
                summary = _on_ray(images, run, options, settings, gpus=request.gpus)
            else:
                summary = _here(images, run, options, settings)
            if not summary.stopped:
                results.finish()
    except BrokenPipeError:
        raise
    except (StoreError, OSError) as error:
        complain(reason_of(error))
        return UNFINISHED
    return _end(summary, targets.url("denoiser-results"))


def _here(
    images: "Iterator[Source]", run: "Run", options: DenoiseOptions, settings: Settings
) -> "Summary":
    from app.bulk.convert import Converter
    from app.bulk.run import run as work
    from app.service.pipeline import Pipeline

    with Pipeline(options, settings) as pipeline:
        convert = Converter(
            run.sources,
            run.targets,
            pipeline,
            options=run.choice.options,
            max_pixels=settings.max_pixels,
        )
        return work(images, convert, run, threads=AT_ONCE)


def _on_ray(
    images: "Iterator[Source]",
    run: "Run",
    options: DenoiseOptions,
    settings: Settings,
    *,
    gpus: float,
) -> "Summary":
    try:
        from denoiser.ray import bulk
        from denoiser.ray.data import TooSmall
    except ImportError as error:
        raise Misuse(f"{error.name} is needed: pip install 'denoiser[ray]'") from error
    try:
        return bulk.run(images, run, options, settings, gpus=gpus)
    except TooSmall as error:
        raise Misuse(f"--ray: {error}") from error


def wanted(
    request: Request, sources: "Store", targets: "Store", shard: "Shard", results: "Results"
) -> "Iterator[Source]":
    """Yield the sources of a shard; raise StoreError if listing them fails."""
    from app.bulk.convert import is_picture
    from app.bulk.manifest import keys

    if request.retry_failed:
        named = (sources.named(sources.key(url)) for url in results.failed())
    elif request.manifest:
        named = (sources.named(key) for key in keys(request.manifest, sources))
    else:
        ours = targets.url("")
        within = ours if ours.startswith(sources.url("")) and ours != sources.url("") else None
        named = (
            source
            for source in sources.files()
            if is_picture(source.key) and not (within and source.url.startswith(within))
        )
    return (source for source in named if shard.has(source.key))


def _shard(request: Request) -> "Shard":
    from app.bulk.shards import Shard, read_shard

    try:
        return read_shard(request.shard, os.environ) if request.shard else Shard()
    except ValueError as error:
        raise Misuse(f"--shard: {error}") from error


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Stop the run gracefully at SIGTERM or SIGINT, and at once at a second signal."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before: dict[int, Any] = {}

    def handle(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, handle)
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _reporter(*, as_json: bool) -> "Callable[[Row, Summary], None]":
    """Return a function that prints each row, or reports progress from time to time."""
    said = time.monotonic()

    def report(row: "Row", summary: "Summary") -> None:
        nonlocal said
        if as_json:
            print(json.dumps(asdict(row), default=str), flush=True)  # noqa: T201
        elif time.monotonic() - said >= REPORT_SECONDS:
            said = time.monotonic()
            complain(f"{summary}; {summary.rate:.1f} images/s")

    return report


def _end(summary: "Summary", results: str) -> int:
    for row in summary.named:
        complain(f"{row.source}: {row.detail}")
    complain(f"{summary}; {summary.rate:.1f} images/s; results: {results}")
    if summary.stopped:
        complain("stopped; run the command again to continue")
        return UNFINISHED
    return FAILED if summary.failed else 0
