"""Sends hostile files to a running service, a good one after each, and says how it took them.

    python -m tests.hostile URL --pid PID [--count 1000] [--seed 1]

PID is the service's process on this machine, whose memory is watched. Exit code 1 where there was
a 5xx, an answer slower than 2 seconds, more than 5% of growth, or a good picture not answered.
Growth is counted from the first fifth of the files on: by then every reader has been used.
"""

import argparse
import collections
import sys
import time
from pathlib import Path

import httpx

from tests.fidelity.files import NOISE, by_pillow
from tests.hostile.corpus import corpus

MAX_SECONDS, MAX_GROWTH = 2.0, 0.05
PATHS = ("/denoise", "/noise")
HEADERS = {"Content-Type": "image/x"}


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile")
    parser.add_argument("url")
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with httpx.Client(base_url=given.url, timeout=60) as client:
        return _report(client, given.pid, given.count, given.seed)


def _report(client: httpx.Client, pid: int, count: int, seed: int) -> int:
    good = by_pillow(NOISE, "PNG")
    statuses: collections.Counter[int] = collections.Counter()
    slowest, refused_good, warm = (0.0, ""), 0, 0
    files = corpus(count, seed)
    for number, file in enumerate(files):
        for path in PATHS:
            started = time.monotonic()
            status = client.post(path, content=file.data, headers=HEADERS).status_code
            slowest = max(slowest, (time.monotonic() - started, f"{path} {file.name}"))
            statuses[status] += 1
            if status >= 500:
                print(f"{status} from {path} for {file.name}")
            refused_good += not client.post(path, content=good, headers=HEADERS).is_success
        if number == len(files) // 5:
            warm = resident(pid)
    growth = resident(pid) / warm - 1
    print(f"{len(files)} files of seed {seed}, each to {' and '.join(PATHS)}")
    print(
        "answers:", ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    )
    print(f"slowest: {slowest[0]:.2f} s, {slowest[1]}")
    print(f"memory: {warm >> 20} MiB, then {100 * growth:+.1f}%")
    print(f"good pictures that were not answered: {refused_good}")
    failed = max(statuses) >= 500 or slowest[0] > MAX_SECONDS or growth > MAX_GROWTH
    return 1 if failed or refused_good else 0


def resident(pid: int) -> int:
    """Bytes of memory that a process of this Linux machine has."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


if __name__ == "__main__":
    sys.exit(main())
