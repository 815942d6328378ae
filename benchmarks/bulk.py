"""Two shards of `denoiser denoise` between buckets of an object store, one of them killed half-way.

    python -m benchmarks.bulk [--count 2000] [--side 64] [--rate]

Starts an S3 server on this machine, puts pictures into it, three of them broken, kills one shard
with SIGKILL while it is at work, starts it again beside the other one, and says whether every
picture is in the results once, whole, and the broken ones are named. `--rate` then does all of
them once more by one process, and the same pictures as a folder, and prints both rates in pictures
per second of processor time, the start left out: it is timed on one picture.
"""

import argparse
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moto.server import ThreadedMotoServer

from app.bulk.store import Store
from benchmarks.accounts import Account, account, fill
from benchmarks.markdown import report
from benchmarks.service import START

SOURCE, TARGET = "s3://pictures/in", "s3://pictures/out"
PART_SECONDS = 600
"""Longest time that a process may take."""


@contextmanager
def bucket() -> Iterator[None]:
    """Return an S3 server with one bucket, for this process and those that it starts."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    given = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        _file_system().mkdir("pictures")
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        server.stop()


def two_shards_and_a_kill(kill_after: int) -> tuple[Account, int, tuple[int, int, int]]:
    """Return what they leave behind, of how many results one was killed, and all exit codes.

    The first exit code is that of the killed process.
    """
    targets = Store(TARGET)
    first = start(SOURCE, TARGET, "--shard", "0/2")
    killed_at = _wait_for(targets, kill_after, first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    both = [start(SOURCE, TARGET, "--shard", f"{index}/2") for index in range(2)]
    for process in both:
        process.communicate(timeout=PART_SECONDS)
    codes = first.returncode, both[0].returncode, both[1].returncode
    return account(Store(SOURCE), targets), killed_at, codes


def start(*arguments: str) -> subprocess.Popen[bytes]:
    """`denoiser denoise` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", START, "denoise", *arguments], stderr=subprocess.PIPE
    )


def cpu_seconds(*arguments: str) -> float:
    """Processor time of the command, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start(*arguments).communicate(timeout=PART_SECONDS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rates(count: int) -> tuple[float, float]:
    """Pictures a second of processor time: between stores, and of the folder command.

    The pictures are those in the bucket; what the object store itself costs is not counted.
    """
    store = Store(SOURCE)
    with tempfile.TemporaryDirectory() as folder:
        for index, source in enumerate(store.files()):
            for place in ("many", *(["one"] if index == 0 else [])):
                path = Path(folder, place, source.key)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(store.read(source.key))
        Store("s3://pictures/one").write("a.jpg", store.read("0/0000000.jpg"))
        alone = cpu_seconds("s3://pictures/one", "s3://pictures/out-one")
        bulk = cpu_seconds(SOURCE, "s3://pictures/out-rate")
        alone_folder = cpu_seconds(f"{folder}/one", "-o", f"{folder}/out-one")
        plain = cpu_seconds(f"{folder}/many", "-o", f"{folder}/out-many")
    return (count - 1) / (bulk - alone), (count - 1) / (plain - alone_folder)


def main() -> int:
    """Print what was found; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--rate", action="store_true")
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    with bucket():
        fill(Store(SOURCE), options.count, options.side)
        began = time.perf_counter()
        found, killed_at, codes = two_shards_and_a_kill(options.count // 4)
        print(
            f"{found.images} images of {options.side}x{options.side}; one of two shards killed "
            f"with {killed_at} results there; {time.perf_counter() - began:.0f} s in all; "
            f"exit codes {', '.join(map(str, codes))}\n"
        )
        failures = report(found.bounds)
        if options.rate:
            bulk, plain = rates(options.count)
            print(f"\nbetween stores: {bulk:.1f} pictures per second of processor time")
            print(f"folder:         {plain:.1f}; {bulk / plain:.2f} of it between stores")
    return failures


def _file_system() -> Any:
    import s3fs

    return s3fs.S3FileSystem(skip_instance_cache=True)


def _wait_for(targets: Store, results: int, process: subprocess.Popen[bytes]) -> int:
    """Until so many results are there; how many it was."""
    deadline = time.monotonic() + PART_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = sum(file.key.endswith(".jpg") for file in targets.files())
        if found >= results:
            return found
        time.sleep(0.2)
    raise RuntimeError("the shard ended before it could be killed")


if __name__ == "__main__":
    sys.exit(main())
