"""Run two shards of `denoiser denoise` between buckets of an object store, and kill one halfway.

    python -m benchmarks.bulk [--count 2000] [--side 64]
    python -m benchmarks.bulk --rate [--side 1024] [--count 160] [--rounds 3]

Starts an S3 server on this machine, puts pictures into it, three of them broken, kills one shard
with SIGKILL while it is running, restarts it beside the other, and reports whether every picture is
in the results once and whole, and the broken ones are named.

`--rate` compares the command between stores with the command on a folder instead, on pictures of 1
and of 12 megapixels. They denoise the same pictures in turns, and print the wall time and the
processor time that each picture takes once they are warm. Both decode and encode in confined
processes; bulk pays for the client of the store and the results, the same for a picture of any
size. The S3 server takes its share of the machine, so that between buckets only the processor time
of the command is held to a bound, and only for pictures of 12 megapixels and more.
"""

import argparse
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from moto.server import ThreadedMotoServer

from app.bulk.store import Store
from benchmarks.accounts import Account, account, fill, fill_whole
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pace import Pace, enough, pace
from benchmarks.service import START

SOURCE, TARGET = "s3://pictures/in", "s3://pictures/out"
PART_SECONDS = 600
"""Longest time that a process may take."""
FOLDER, LOCAL, BUCKETS = "the folder command", "between folders", "between buckets"
SIDES = (1024, 3464)
"""Pictures of 1 and of 12 megapixels."""
SHARE = 0.95
"""Least share of the folder command's rate."""


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


def paces(store: Store, count: int, side: int, rounds: int) -> dict[str, list[Pace]]:
    """Return the paces of the folder command, and of bulk between folders and between buckets.

    They take turns on the images of the store, there and back, as machines get slower or faster
    with time. The object store shares the machine with the
    command, in a process that is not one of the command's own.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "in")
        for source in store.files():
            path = folder / source.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.read(source.key))
        found: dict[str, list[Pace]] = {FOLDER: [], LOCAL: [], BUCKETS: []}
        for turn in range(rounds):
            commands = [
                (FOLDER, [str(folder), "-o", f"{name}/folder-{turn}"]),
                (LOCAL, [f"file://{folder}", f"file://{name}/local-{turn}"]),
                (BUCKETS, [store.place, f"{store.place}-{turn}"]),
            ]
            for what, arguments in commands[:: -1 if turn % 2 else 1]:
                found[what].append(pace(count, side, arguments))
    return found


def compare(found: dict[str, list[Pace]], side: int) -> tuple[Bound, ...]:
    """Print the paces, medians of all rounds; return what the medians of the ratios must keep."""
    size = f"{side}x{side}"

    def share(what: str, of: str) -> float:
        """Return the share of the folder command's rate, each round against its own."""
        pairs = zip(found[FOLDER], found[what], strict=True)
        return float(median(getattr(plain, of) / getattr(bulk, of) for plain, bulk in pairs))

    print(head("ms per image", "wall", "processor", "rate by wall", "rate by processor"))
    for what, each in found.items():
        times = (median(getattr(one, of) for one in each) * 1e3 for of in ("wall", "cpu"))
        shares = (share(what, of) for of in ("wall", "cpu"))
        print(line((what, *(f"{t:.1f}" for t in times), *(f"{s:.3f}" for s in shares))))
    print()
    bounded = [(LOCAL, "wall"), (LOCAL, "cpu")]
    if side >= max(SIDES):
        bounded.append((BUCKETS, "cpu"))
    return tuple(
        Bound(f"{FOLDER}'s rate / that {what}, by {of}, {size}", 1 / share(what, of), 1 / SHARE)
        for what, of in bounded
    )


def main() -> int:
    """Print what was found; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, help="of images [2000, or some 100 megapixels]")
    parser.add_argument(
        "--side", type=int, help="of an image, in pixels [64; --rate: 1024, then 3464]"
    )
    parser.add_argument("--rate", action="store_true", help="compare with the folder command")
    parser.add_argument("--rounds", type=int, default=3, help="of --rate")
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    with bucket():
        if options.rate:
            sides = (options.side,) if options.side else SIDES
            return rate(sides, options.count, options.rounds)
        return kill(options.count or 2000, options.side or 64)


def kill(count: int, side: int) -> int:
    """Print what a kill costs; return 1 if a bound does not hold."""
    fill(Store(SOURCE), count, side)
    began = time.perf_counter()
    found, killed_at, codes = two_shards_and_a_kill(count // 4)
    print(
        f"{found.images} images of {side}x{side}; one of two shards killed "
        f"with {killed_at} results there; {time.perf_counter() - began:.0f} s in all; "
        f"exit codes {', '.join(map(str, codes))}\n"
    )
    return report(found.bounds)


def rate(sides: Sequence[int], count: int | None, rounds: int) -> int:
    """Print what a picture of each size takes; return 1 if a bound does not hold."""
    bounds: list[Bound] = []
    for side in sides:
        store, images = Store(f"{SOURCE}-{side}"), count or enough(side)
        fill_whole(store, images, side)
        print(f"{images} images of {side}x{side}, {rounds} rounds.\n", flush=True)
        bounds += compare(paces(store, images, side, rounds), side)
    return report(bounds)


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
