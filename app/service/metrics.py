"""Metrics for Prometheus. Each application has a registry of its own.

If PROMETHEUS_MULTIPROC_DIR is set, as it is with several workers, values live in files in that
folder instead, and each worker reports the sums over all of them.
"""

import os
from collections import Counter as Counts
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.sandbox.faults import Cause
from app.sandbox.pool import Sandbox
from app.service.jobs import Jobs, State
from app.service.memory import Memory
from app.service.models import Models
from app.service.trace import Trace

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Metrics:
    """Counters and histograms of the requests, and gauges read on demand."""

    def __init__(self, models: Models, memory: Memory, sandbox: Sandbox, jobs: Jobs) -> None:
        self.registry = CollectorRegistry()
        self._shared: _Shared | None = None
        own: CollectorRegistry | None = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            self.registry.register(WorkersTotals(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])))
            self._shared, own = _Shared(_State(models, memory, sandbox, jobs)), None
        else:
            for collector in (ProcessCollector, PlatformCollector, GCCollector):
                collector(registry=self.registry)
            self.registry.register(_State(models, memory, sandbox, jobs))
        self._requests = Counter(
            "denoiser_requests",
            "Requests by route and status; 499 if the client left before the response.",
            ("method", "route", "status"),
            registry=own,
        )
        self._seconds = Histogram(
            "denoiser_request_seconds",
            "Time from the request headers to the end of the response.",
            ("route",),
            buckets=SECONDS,
            registry=own,
        )
        self._stages = Histogram(
            "denoiser_stage_seconds",
            "Time that a request spends in decode, queue, infer, encode, noise or compare.",
            ("stage",),
            buckets=SECONDS,
            registry=own,
        )
        self._pixels = Counter(
            "denoiser_pixels",
            "Pixels of the images that were returned.",
            ("route",),
            registry=own,
        )
        self._cancelled = Counter(
            "denoiser_cancelled",
            "Requests whose client left before the response.",
            registry=own,
        )

    def publish(self) -> None:
        """Update what the other workers see; do nothing without other workers."""
        if self._shared:
            self._shared.update()

    def count(self, method: str, route: str, trace: Trace) -> None:
        """Count a request that is over; `route` is a template, never the caller's own path."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(trace.status)).inc()
        self._seconds.labels(route).observe(trace.elapsed)
        for stage, seconds in trace.stages.items():
            self._stages.labels(stage).observe(seconds)
        if trace.status == 499:
            self._cancelled.inc()
        elif trace.status < 400:
            self._count_pixels(route, trace)

    def count_job(self, trace: Trace) -> None:
        """Count the work of a job that is done, which no request of its own reports."""
        for stage, seconds in trace.stages.items():
            self._stages.labels(stage).observe(seconds)
        self._count_pixels("/jobs", trace)

    def _count_pixels(self, route: str, trace: Trace) -> None:
        if trace.pixels:
            self._pixels.labels(route).inc(trace.pixels)


class WorkersTotals(Collector):
    """Sum up what all workers have written to the files of a folder.

    Empty files, which a worker has just created or was killed while creating, are ignored; the
    library's own collector would fail, permanently if the worker is dead.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Return the metrics, each summed over all workers."""
        files = [str(path) for path in self._folder.glob("*.db") if _has_begun(path)]
        metrics: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return metrics


def _has_begun(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:  # the gauges of a dead worker are removed in the meantime
        return False


class _State(Collector):
    """The current state of the models, the memory and the sandbox."""

    def __init__(self, models: Models, memory: Memory, sandbox: Sandbox, jobs: Jobs) -> None:
        self._models, self._memory, self._sandbox, self._jobs = models, memory, sandbox, jobs

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "denoiser_ready",
            "1 when requests are served; with several workers, the number of those that serve.",
            value=self._models.ready,
        )
        yield GaugeMetricFamily(
            "denoiser_held_bytes",
            "Memory reserved for requests in progress: bodies, pixels and metadata.",
            value=self._memory.held,
        )
        yield from self._of_models()
        yield from self._of_jobs()
        losses = CounterMetricFamily(
            "denoiser_codec_losses",
            "Processes lost while working on an image, each with one request, by cause.",
            labels=("cause",),
        )
        for cause in Cause:
            losses.add_metric((cause.value,), self._sandbox.losses[cause])
        yield losses

    def _of_models(self) -> Iterable[Metric]:
        queue = GaugeMetricFamily(
            "denoiser_queue_pixels",
            "Pixels queued or in progress, halos included.",
            labels=("model",),
        )
        counters = [
            CounterMetricFamily("denoiser_batches", "Batches run.", labels=("model",)),
            CounterMetricFamily("denoiser_tiles", "Tiles run.", labels=("model",)),
            CounterMetricFamily(
                "denoiser_tile_pixels", "Pixels run, including halos.", labels=("model",)
            ),
            CounterMetricFamily(
                "denoiser_dropped", "Images dropped from the queue.", labels=("model",)
            ),
        ]
        for name, denoiser in self._models.loaded.items():
            stats = denoiser.stats
            queue.add_metric((name,), denoiser.queued_pixels)
            values = (stats.batches, stats.tiles, stats.pixels, stats.dropped)
            for counter, value in zip(counters, values, strict=True):
                counter.add_metric((name,), value)
        yield from (queue, *counters)

    def _of_jobs(self) -> Iterable[Metric]:
        jobs = GaugeMetricFamily("denoiser_jobs", "Jobs that are kept.", labels=("state",))
        states = Counts(job.state for job in self._jobs)
        for state in State:
            jobs.add_metric((state.value,), states[state])
        ends = CounterMetricFamily(
            "denoiser_jobs_ended", "Jobs that were done, failed or cancelled.", labels=("end",)
        )
        for end in ("done", "failed", "cancelled"):
            ends.add_metric((end,), self._jobs.ends[end])
        yield from (jobs, ends)


class _Shared:
    """Copy the values of a collector into files, where the other workers read and sum them."""

    def __init__(self, source: Collector) -> None:
        self._source = source
        self._metrics: dict[str, Counter | Gauge] = {}
        self._told: dict[tuple[str, ...], float] = {}

    def update(self) -> None:
        for family in self._source.collect():
            for sample in family.samples:
                metric = self._metric(family, tuple(sample.labels))
                child = metric.labels(**sample.labels) if sample.labels else metric
                if isinstance(child, Gauge):
                    child.set(sample.value)
                else:
                    key = (sample.name, *sample.labels.values())
                    child.inc(sample.value - self._told.get(key, 0.0))
                    self._told[key] = sample.value

    def _metric(self, family: Metric, labels: tuple[str, ...]) -> Counter | Gauge:
        name, meaning = family.name, family.documentation
        if name not in self._metrics:
            self._metrics[name] = (
                Counter(name, meaning, labels, registry=None)
                if family.type == "counter"
                else Gauge(name, meaning, labels, registry=None, multiprocess_mode="livesum")
            )
        return self._metrics[name]
