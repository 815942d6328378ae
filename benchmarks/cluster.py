"""Run a Ray cluster of two nodes on this machine: bulk while a node is killed, and the service.

    python -m benchmarks.cluster [--count 500] [--side 256] [--seconds 20] [--clients 16]

Denoises a folder of images, three of them broken, on both nodes, kills one of them halfway, and
reports whether every image is in the results once and whole. Then posts images to two replicas of
the service on Ray Serve while one of them is killed, which may cost what that one has in progress,
and while one is stopped, which must cost nothing. Prints the rate and the latency of both replicas
beside `denoiser serve`, with the same number of threads in all, in one run.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray.cluster_utils import Cluster

from app.bulk.convert import asked_for
from app.bulk.results import Results
from app.bulk.rows import Row
from app.bulk.run import Choice, Run, Summary
from app.bulk.shards import Shard
from app.bulk.store import Store
from app.imaging.picture import Format
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

CORES = 3
"""Of a node, whatever the machine has: Ray only counts them."""
PLASMA_BYTES = 100 << 20
"""Shared memory of a node."""
WARM_SECONDS = 3.0
"""Of load that is not measured."""
REPLICA_SECONDS = 240.0
"""Longest time in which a replica starts or stops."""


class Nodes:
    """Two nodes with three cores each, the first of which this process is connected to.

    An actor of a bulk run takes two of them.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.second = self.add()

    def add(self) -> Any:
        """Start another node."""
        return self.cluster.add_node(num_cpus=CORES, object_store_memory=PLASMA_BYTES)

    def kill_second(self) -> None:
        """Kill all processes of the second node at once."""
        self.cluster.remove_node(self.second, allow_graceful=False)

    @property
    def second_is_at_work(self) -> bool:
        """Whether an actor has its cores."""
        left = ray._private.state.available_resources_per_node().get(self.second.node_id, {})
        return float(left.get("CPU", 0.0)) <= CORES - 2


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """Start a cluster, to which this process is connected until the block ends."""
    head_node: dict[str, Any] = {
        "num_cpus": CORES,
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
def replicas(count: int, port: int) -> Iterator[None]:
    """Serve by so many replicas with a core each, until the block ends."""
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    scale_to(count)
    try:
        yield
    finally:
        serve.shutdown()


def scale_to(count: int) -> None:
    """Bring up so many replicas, or stop those beyond, which may finish what they have."""
    application = app(Scale(cpus=1, min_replicas=count, max_replicas=count))
    # Ray takes what is run anew for other code, and replaces all replicas, unless it is told.
    application._bound_deployment._version = "the same"
    serve.run(application)
    wait_for(count)


def kill_one() -> None:
    """Kill one of the replicas, whatever it has in progress, and wait for the one in its place."""
    names = [actor["name"] for actor in ray.util.list_named_actors(all_namespaces=True)]
    running = [name for name in names if name.startswith("SERVE_REPLICA::")]
    ray.kill(ray.get_actor(running[0], namespace="serve"))
    before = time.monotonic()
    while running[0] in [each["name"] for each in ray.util.list_named_actors(all_namespaces=True)]:
        _pause(before)
    wait_for(len(running))


def wait_for(count: int) -> None:
    """Return once there are so many replicas, none of which starts or stops."""
    began = time.monotonic()
    while _states() != {"RUNNING": count}:
        _pause(began)


def _states() -> dict[str, int]:
    """Return how many replicas are in which state."""
    deployments = serve.status().applications["default"].deployments.values()
    return {str(state): n for each in deployments for state, n in each.replica_states.items()}


def _pause(began: float) -> None:
    if time.monotonic() > began + REPLICA_SECONDS:
        raise TimeoutError(f"after {REPLICA_SECONDS:.0f} s, the replicas are {_states()}")
    time.sleep(0.2)


async def load_and(
    loss: Callable[[], None], port: int, posts: list[Request], clients: int, seconds: float
) -> Result:
    """Post to the replicas until one has been lost, and so many seconds before and after."""

    async def lose() -> None:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(loss)
        await asyncio.sleep(seconds)

    losing = asyncio.ensure_future(lose())
    return await closed_loop(port, posts, clients, until=losing)


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
        with replicas(2, PORT):
            clients, seconds = options.clients, options.seconds
            asyncio.run(closed_loop(PORT, posts, clients, WARM_SECONDS))
            ours = asyncio.run(closed_loop(PORT, posts, clients, seconds))
            killed = asyncio.run(load_and(kill_one, PORT, posts, clients, seconds / 4))
            stopped = asyncio.run(load_and(partial(scale_to, 1), PORT, posts, clients, seconds / 4))
    with service("--threads", "2"):
        asyncio.run(closed_loop(PORT, posts, options.clients, WARM_SECONDS))
        plain = asyncio.run(closed_loop(PORT, posts, options.clients, options.seconds))

    print(
        head(
            f"{options.clients} clients, {options.side}x{options.side}", "images/s", "p50", "p95 ms"
        )
    )
    print(line(cells("two replicas on Ray Serve", ours)))
    print(line(cells("the same, one killed and replaced", killed)))
    print(line(cells("the same, one stopped", stopped)))
    print(line(cells("denoiser serve", plain)))
    print()
    lost, dropped = (len(each.answers) - each.statuses[200] for each in (stopped, killed))
    return report(
        (
            *found.bounds,
            Bound("images done before the node was killed", killed_at, found.images - 1),
            Bound("kills that came before any image was done, or never", not killed_at, 0),
            Bound("requests lost as a replica is stopped", lost, 0),
            Bound("requests lost as a replica is killed", dropped, options.clients),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
