"""The registry of a replica, told to Ray."""

from typing import ClassVar

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

metrics = pytest.importorskip("denoiser.ray.metrics", reason="needs pip install 'denoiser[ray]'")


class Told:
    """A stand-in for a metric of Ray; `values` holds those of all metrics."""

    values: ClassVar[dict[tuple[str, ...], float]] = {}

    def __init__(self, name, description, tags):
        self.name, self.tags = name, tags

    def inc(self, value, labels):
        key = (self.name, *(labels[tag] for tag in self.tags))
        self.values[key] = self.values.get(key, 0.0) + value

    def set(self, value, labels):
        self.values[(self.name, *(labels[tag] for tag in self.tags))] = value


class ToldGauge(Told):
    pass


def test_counters_add_up_and_gauges_follow(monkeypatch):
    monkeypatch.setattr(metrics.metrics, "Counter", Told)
    monkeypatch.setattr(metrics.metrics, "Gauge", ToldGauge)
    registry = CollectorRegistry()
    requests = Counter("denoiser_requests", "x", ("status",), registry=registry)
    held = Gauge("denoiser_held_bytes", "x", registry=registry)
    seconds = Histogram("denoiser_seconds", "x", buckets=(1.0,), registry=registry)
    Counter("process_other", "not ours", registry=registry).inc()
    exported = metrics.Exported(registry)
    for value in (5, 3):
        requests.labels("200").inc(2)
        seconds.observe(0.5)
        held.set(value)
        exported.update()
    assert Told.values == {
        ("denoiser_requests_total", "200"): 4,
        ("denoiser_held_bytes",): 3,
        ("denoiser_seconds_bucket", "1.0"): 2,
        ("denoiser_seconds_bucket", "+Inf"): 2,
        ("denoiser_seconds_count",): 2,
        ("denoiser_seconds_sum",): 1.0,
    }
