"""A Ray cluster of two nodes on this machine: bulk with a node killed, and the service.

    python -m benchmarks.cluster [--count 500] [--side 256] [--seconds 20] [--clients 16]

Denoises a folder of images, three of them broken, by both nodes, kills one of them half-way, and
says whether every image is in the results once and whole. Then posts images to two replicas of the
service on Ray Serve while one of them is stopped, and says whether every request was answered.
Last, prints the rate and the latency of both replicas beside `denoiser serve`, with the same number
of threads in all, in one run.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray.cluster_utils import Cluster

from app.bulk.convert import asked_for
from app.bulk.results import Results, Row
from app.bulk.run import Choice, Run, Summary
from app.bulk.shards import Shard
from app.bulk.store import Store
from app.imaging.codec import Format
from app.service.local import package_of
from app.service.options import DenoiseOptions
from app.settings import Settings
from benchmarks.accounts import Account, account, fill
from benchmarks.load import Request, Result, closed_loop
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pictures import requests
from benchmarks.service import PORT, service
from denoiser.ray import bulk
from denoiser.ray.serve import Scale, app

PLASMA_BYTES = 100 << 20
"""Shared memory of a node."""


class Nodes:
    """Two nodes with a core each, the first of which this process is connected to."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.second = self.add()

    def add(self) -> Any:
        """Start another node."""
        return self.cluster.add_node(num_cpus=1, object_store_memory=PLASMA_BYTES)

    def kill_second(self) -> None:
        """Kill all processes of the second node at once."""
        self.cluster.remove_node(self.second, allow_graceful=False)

    @property
    def second_is_at_work(self) -> bool:
        """Whether its core is taken by an actor."""
        left = ray._private.state.available_resources_per_node().get(self.second.node_id, {})
        return not left.get("CPU")


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """Start a cluster, to which this process is connected until the block ends."""
    head_node: dict[str, Any] = {
        "num_cpus": 1,
        "object_store_memory": PLASMA_BYTES,
        "include_dashboard": False,
        "_system_config": {"metrics_report_interval_ms": 1000},
    }
    cluster = Cluster(initialize_head=True, head_node_args=head_node)
    try:
        nodes = Nodes(cluster)
        ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
        yield nodes
    finally:
        ray.shutdown()
        cluster.shutdown()


def bulk_and_a_kill(
    nodes: Nodes, sources: Store, targets: Store, kill_after: int, settings: Settings
) -> tuple[Account, int]:
    """Denoise by both nodes, one of which is killed after so many rows.

    Returns what that leaves behind, and how many rows there were at the kill; 0 without one.
    """
    options, killed_at = DenoiseOptions(), 0
    asked = asked_for(options, package_of(options, settings).card.name)

    def kill(_row: Row, summary: Summary) -> None:
        nonlocal killed_at
        rows = summary.done + summary.failed
        if not killed_at and rows >= kill_after and nodes.second_is_at_work:
            killed_at = rows
            nodes.kill_second()

    with Results(targets, sources, Shard()) as results:
        run = Run(sources, targets, results, Choice(asked), threading.Event(), kill)
        bulk.run(sources.files(), run, options, settings, gpus=0)
        results.finish()
    return account(sources, targets), killed_at


@contextmanager
def replicas(count: int) -> Iterator[None]:
    """Serve on PORT by so many replicas with a core each, until the block ends."""
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    scale_to(count)
    try:
        yield
    finally:
        serve.shutdown()


def scale_to(count: int) -> None:
    """Bring up so many replicas, or stop those beyond."""
    serve.run(app(Scale(cpus=1, min_replicas=count, max_replicas=count)))


async def load_and_a_stop(posts: list[Request], clients: int, seconds: float) -> Result:
    """Post to two replicas until one has been stopped, and so many seconds before and after."""

    async def stop() -> None:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(scale_to, 1)
        await asyncio.sleep(seconds)

    stopping = asyncio.ensure_future(stop())
    return await closed_loop(PORT, posts, clients, until=stopping)


def exported() -> str:
    """Return what the machines of the cluster tell Prometheus."""
    ports = {node["MetricsExportPort"] for node in ray.nodes() if node["Alive"]}
    addresses = (f"http://127.0.0.1:{port}/metrics" for port in ports)
    texts = []
    for address in addresses:
        with urllib.request.urlopen(address, timeout=10) as answer:
            texts.append(answer.read().decode())
    return "".join(texts)


def cells(name: str, result: Result) -> tuple[str, ...]:
    """Return a row of the table."""
    times = (f"{result.percentile(p) * 1e3:.0f}" for p in (50, 95))
    return name, f"{result.rate:.2f}", *times


def main() -> int:
    """Print what was found; exit code 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=20, help="of each load")
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    posts = requests(Format.JPEG, options.side, options.side, 16, "/denoise")

    with tempfile.TemporaryDirectory() as name, two_nodes() as nodes:
        sources, targets = (Store(str(Path(name, part))) for part in ("in", "out"))
        fill(sources, options.count, options.side)
        began = time.perf_counter()
        found, killed_at = bulk_and_a_kill(nodes, sources, targets, options.count // 4, Settings())
        seconds = time.perf_counter() - began
        print(f"{found.images} images in {seconds:.0f} s, a node killed at {killed_at}.\n")
        nodes.add()
        with replicas(2):
            ours = asyncio.run(closed_loop(PORT, posts, options.clients, options.seconds))
            stopped = asyncio.run(load_and_a_stop(posts, options.clients, options.seconds / 3))
    with service("--threads", "2"):
        plain = asyncio.run(closed_loop(PORT, posts, options.clients, options.seconds))

    print(
        head(
            f"{options.clients} clients, {options.side}x{options.side}", "images/s", "p50", "p95 ms"
        )
    )
    print(line(cells("two replicas on Ray Serve", ours)))
    print(line(cells("the same, one stopped on the way", stopped)))
    print(line(cells("denoiser serve", plain)))
    print()
    lost = len(stopped.answers) - stopped.statuses[200]
    return report(
        (
            *found.bounds,
            Bound("images done before the node was killed", killed_at, found.images - 1),
            Bound("images done before the node was killed, negated", -killed_at, -1),
            Bound("requests not answered with an image", lost, 0),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
