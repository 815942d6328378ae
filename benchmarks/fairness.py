"""Measure how long small requests wait while a large picture is being denoised.

    python -m benchmarks.fairness [--seconds 20] [--clients 1 4] [--rounds 3]

Posts pictures of 256x256 to the service, first alone and then beside one of 24 megapixels, for as
long as that takes, and prints a table of their latency. The bound, at one client, is three times
the undisturbed 95th percentile plus one batch, the time of the largest tile in the network alone.
"""

import argparse
import asyncio
import sys

from app.imaging.picture import Format
from app.imaging.tiling import plan
from benchmarks.bare import model, seconds_per_batch
from benchmarks.load import Client, Request, Result, closed_loop
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pictures import requests
from benchmarks.service import PORT, service

SMALL, LARGE = (256, 256), (4000, 6000)
AFTER = 0.5
"""Seconds from the start of the large picture to that of the small ones: it is at work by then."""


async def beside(large: Request, small: list[Request], clients: int) -> Result:
    """Return a closed loop of small images that lasts as long as the large one takes."""
    client = Client("127.0.0.1", PORT)
    posted = asyncio.create_task(client.post(large.to_bytes(f"127.0.0.1:{PORT}")))
    await asyncio.sleep(AFTER)
    result = await closed_loop(PORT, small, clients, until=posted)
    if posted.result().status != 200:
        raise RuntimeError(f"the large image was answered with {posted.result().status}")
    client.close()
    return result


def row(name: str, clients: int, result: Result) -> str:
    """Of the table."""
    times = (f"{result.percentile(p) * 1e3:.0f}" for p in (50, 95, 99, 100))
    return line((name, str(clients), str(len(result.latencies)), *times))


def main() -> int:
    """Print the tables; return 1 if the bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="of the undisturbed loop")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3, help="large images for each")
    parser.add_argument("--large", type=int, nargs=2, default=LARGE, metavar=("HEIGHT", "WIDTH"))
    options = parser.parse_args()

    height, width = options.large
    (large,) = requests(Format.JPEG, height, width, 1, "/denoise")
    small = requests(Format.JPEG, *SMALL, 16, "/denoise")
    card = model().card
    tile = plan(height, width, halo=card.halo, stride=card.stride)[0]
    batch = seconds_per_batch(*tile.shape, 1, 3.0)
    bounds = []
    with service():
        print(head("256x256", "clients", "answers", "p50 ms", "p95 ms", "p99 ms", "max ms"))
        for clients in options.clients:
            asyncio.run(closed_loop(PORT, small, clients, 2.0))
            alone = asyncio.run(closed_loop(PORT, small, clients, options.seconds))
            print(row("alone", clients, alone), flush=True)
            disturbed = Result()
            for _ in range(options.rounds):
                disturbed.answers += asyncio.run(beside(large, small, clients)).answers
            print(row(f"beside {height * width / 1e6:.0f} MP", clients, disturbed), flush=True)
            most = 3 * alone.percentile(95) + batch
            what = f"p95 of {clients} clients beside the large image"
            bounds.append(Bound(what, disturbed.percentile(95) * 1e3, most * 1e3, "ms"))
    print(f"\nOne batch, a tile of {tile.shape[0]}x{tile.shape[1]}: {batch * 1e3:.0f} ms.\n")
    return report(bounds)


if __name__ == "__main__":
    sys.exit(main())
