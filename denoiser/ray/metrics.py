"""Export the metrics of a replica with those of Ray, on every machine of the cluster."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.samples import Sample
from ray.serve import metrics

OURS = "denoiser_"
"""Prefix of what is exported; Ray itself measures processes."""


class Exported:
    """Copies a registry into metrics of Ray, which adds its prefix `ray_` and the replica.

    Ray cannot import histograms: their buckets, sums and counts become counters, which Prometheus
    reads all the same.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._metrics: dict[str, metrics.Counter | metrics.Gauge] = {}
        self._told: dict[tuple[str, ...], float] = {}

    def update(self) -> None:
        """Bring the metrics of Ray up to date."""
        for family, sample in self._samples():
            metric = self._metric(family, sample)
            if isinstance(metric, metrics.Gauge):
                metric.set(sample.value, sample.labels)
                continue
            key = (sample.name, *sample.labels.values())
            more = sample.value - self._told.get(key, 0.0)
            if more > 0:
                metric.inc(more, sample.labels)
                self._told[key] = sample.value

    def _samples(self) -> Iterator[tuple[Metric, Sample]]:
        for family in self._registry.collect():
            for sample in family.samples:
                if sample.name.startswith(OURS) and not sample.name.endswith("_created"):
                    yield family, sample

    def _metric(self, family: Metric, sample: Sample) -> metrics.Counter | metrics.Gauge:
        name = sample.name
        if name not in self._metrics:
            kind = metrics.Gauge if family.type == "gauge" else metrics.Counter
            self._metrics[name] = kind(name, family.documentation, tuple(sample.labels))
        return self._metrics[name]
