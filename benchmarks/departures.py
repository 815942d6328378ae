"""Test clients that leave, and a service that is stopped.

    python -m benchmarks.departures [--clients 50] [--seconds 10]

Clients send half a picture and hang up; others send it whole, wait until it is queued, and hang up.
Prints what the metrics count of them, and how soon the queue is empty. Then sends SIGTERM while 16
clients post as fast as they are answered, and prints the outcomes of the requests in flight and of
later ones, and how soon the service ended. The bounds: no answer is cut off, requests in flight are
answered 200, and the service ends within the time that it is given.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable

from app.imaging.picture import Format
from app.settings import Settings
from benchmarks.load import CUT_OFF, NO_ANSWER, Request, Result, closed_loop
from benchmarks.markdown import Bound, report
from benchmarks.pictures import requests
from benchmarks.service import PORT, metric, service

SIDE = 1024
"""Of the pictures that are left behind: each is a batch of its own."""
LONGEST = 120.0
"""Seconds after which a condition counts as never met."""
EXTRA = 2.0
"""Seconds beyond the time to drain: cancelling what is left, and the end of the process."""


async def leave(raw: bytes, clients: int, when: Callable[[], bool]) -> None:
    """So many clients send the bytes, and hang up once `when` holds."""
    streams = [await asyncio.open_connection("127.0.0.1", PORT) for _ in range(clients)]
    for _, writer in streams:
        writer.write(raw)
        await writer.drain()
    while not await asyncio.to_thread(when):
        await asyncio.sleep(0.05)
    for _, writer in streams:
        writer.close()


def seconds_until(condition: Callable[[], bool]) -> float:
    """Until it holds; infinite where it does not in time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + LONGEST:
            return float("inf")
        time.sleep(0.02)
    return time.monotonic() - began


def clients_leave(post: Request, clients: int) -> list[Bound]:
    """Print the counts of clients that hang up."""
    raw = post.to_bytes(f"127.0.0.1:{PORT}")
    asyncio.run(leave(raw[: len(raw) // 2], clients, lambda: metric("denoiser_held_bytes") > 0))
    gone = seconds_until(lambda: metric("denoiser_cancelled_total") >= clients)
    print(f"{clients} hung up half-way through their upload: all counted after {gone:.2f} s.")

    done, most = metric("denoiser_tiles_total"), (clients - 2) * SIDE * SIDE
    asyncio.run(leave(raw, clients, lambda: metric("denoiser_queue_pixels") > most))
    idle = seconds_until(lambda: metric("denoiser_queue_pixels") == 0)
    dropped, worked = metric("denoiser_dropped_total"), metric("denoiser_tiles_total") - done
    print(f"{clients} hung up with their image in the queue: {dropped:.0f} were dropped,")
    print(f"{worked:.0f} tiles were run in all, and after {idle:.2f} s the queue was empty.\n")
    return [
        Bound("tiles run for those who hung up", worked, clients / 2),
        Bound("images neither run nor dropped", clients - worked - dropped, 0),
    ]


async def load_and_signal(
    posts: list[Request], clients: int, seconds: float, tell: Callable[[], None]
) -> tuple[Result, float]:
    """Return a closed loop that goes on until nothing is answered; when, in it, the signal was
    sent.
    """
    silence = asyncio.get_running_loop().create_future()
    loop = asyncio.create_task(closed_loop(PORT, posts, clients, until=silence))
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    told = time.perf_counter() - began
    await asyncio.to_thread(tell)
    silence.set_result(None)
    return await loop, told


def service_leaves(posts: list[Request], clients: int, seconds: float) -> list[Bound]:
    """Print what becomes of requests when the service is told to stop."""
    took = 0.0
    with service() as process:

        def tell() -> None:
            nonlocal took
            began = time.monotonic()
            process.popen.send_signal(signal.SIGTERM)
            process.popen.wait()
            took = time.monotonic() - began

        result, told = asyncio.run(load_and_signal(posts, clients, seconds, tell))
        code = process.popen.returncode
    before = [answer for answer in result.answers if answer.at - answer.latency < told]
    in_flight = Counter(answer.reply.status for answer in before if answer.at > told)
    later = Counter(
        answer.reply.status for answer in result.answers if answer.at - answer.latency >= told
    )
    print(f"SIGTERM under the load of {clients} clients: exit code {code} after {took:.2f} s.")
    print(f"In flight, by status: {dict(in_flight)}. Later: {dict(later)},")
    print(f"where {NO_ANSWER} stands for a connection refused, or ended before an answer.\n")
    return [
        Bound("answers cut off", result.statuses[CUT_OFF], 0),
        Bound("in flight and not answered 200", in_flight.total() - in_flight[200], 0),
        Bound("time to end", took, Settings().drain_seconds + EXTRA, "s"),
        Bound("exit code", code, 0),
    ]


def main() -> int:
    """Print what happens; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=50, help="that hang up")
    parser.add_argument("--seconds", type=float, default=10, help="of load before the signal")
    options = parser.parse_args()
    (large,) = requests(Format.JPEG, SIDE, SIDE, 1, "/denoise")
    small = requests(Format.JPEG, 256, 256, 16, "/denoise")
    with service():
        bounds = clients_leave(large, options.clients)
    return report(bounds + service_leaves(small, 16, options.seconds))


if __name__ == "__main__":
    sys.exit(main())
