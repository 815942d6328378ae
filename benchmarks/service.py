"""The service, run for a benchmark in a process of its own."""

import socket
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.process import Process, server


def _free_port() -> int:
    """Return a port that nothing listens on: another server there would be measured instead."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PORT = _free_port()
URL = f"http://127.0.0.1:{PORT}"
START = "import sys; from denoiser import main; sys.exit(main())"  # the console script
COMMAND = (sys.executable, "-c", START, "serve", "--port", str(PORT))


@contextmanager
def service(*flags: str, cores: int | None = None) -> Iterator[Process]:
    """Serve on PORT, ready, until the block ends; on so many cores of the machine, or all."""
    bound = () if cores is None else ("taskset", "--cpu-list", f"0-{cores - 1}")
    with server((*bound, *COMMAND, *flags), f"{URL}/health/ready") as process:
        yield process


def metric(name: str) -> float:
    """Return the sum of a metric's samples, as the service tells it now."""
    with urllib.request.urlopen(f"{URL}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return sum(s.value for family in families for s in family.samples if s.name == name)
