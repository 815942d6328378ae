"""Workers that are killed, stopped, starved and left."""

import asyncio
import io
import os
import platform
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile

from app.imaging.codec import decode, encode
from app.imaging.metrics import ssim
from app.imaging.noise import ChannelMode, NoiseKind
from app.imaging.picture import Format, TooManyPixels, UnreadableImage, UnsupportedImage
from app.sandbox import budget, limits, scratch
from app.sandbox.budget import Budget, Need
from app.sandbox.faults import Cause, JobFailed, WorkerLost
from app.sandbox.link import Link
from app.sandbox.pool import SPAWNER, Sandbox
from app.sandbox.remote import Remote
from app.sandbox.rendering import Rendering
from app.sandbox.spawner import Spawner
from tests.fidelity.files import heic
from tests.imaging.formats.test_jxl_frames import layered
from tests.sandbox.conftest import LIMITS, is_alive, picture, png, until, workers

pytestmark = pytest.mark.anyio

WHOLE = Rendering(channels=3)


def png_of(given):
    return encode(given, Format.PNG).data


async def works(sandbox):
    """Fails where a job does."""
    async with sandbox.worker() as worker:
        await worker.read(png(9, 12))
        layout = await worker.decode(**LIMITS)
        assert layout.shape == (9, 12, 3)
        await worker.add_noise(
            factor=0.1, kind=NoiseKind.GAUSSIAN, channels=ChannelMode.SHARED, seed=1
        )
        file = await worker.encode(Format.PNG, None, strip=False)
    assert decode(bytes(file.data), max_pixels=1000).size == 108
    return worker.link.pid


async def comparing(worker, side=40, *, stopped=False):
    """Has the worker compare two pictures; one that is stopped is never done with it."""
    for _ in range(2):
        await worker.read(png(side, side))
    for _ in range(2):
        await worker.decode(**LIMITS)
    if stopped:
        os.kill(worker.link.pid, signal.SIGSTOP)
    comparison = asyncio.create_task(worker.compare())
    await asyncio.sleep(0)  # it asks at once
    return comparison


async def test_a_picture_goes_to_the_network_and_comes_back_as_a_file(sandbox):
    given = picture(alpha=True)
    async with sandbox.worker() as worker:
        await worker.read(png_of(given))
        shared = await worker.decode_shared(**LIMITS)
    np.testing.assert_array_equal(shared.pixels.pixels, given.pixels)
    restored = shared.room()
    restored.array(given.pixels.shape, np.uint8)[...] = 100
    async with sandbox.worker() as worker:
        file, sigma = await worker.finish(shared, restored, WHOLE, Format.TIFF, None, strip=True)
    found = decode(bytes(file.data), max_pixels=10**6)
    hidden = given.alpha == 0
    assert (found.pixels[~hidden] == 100).all()
    np.testing.assert_array_equal(found.pixels[hidden], given.pixels[hidden])
    np.testing.assert_array_equal(found.alpha, given.alpha)
    assert 0 < sigma <= 1


@pytest.mark.parametrize("side", [40, 900])
async def test_pictures_and_files_pass_over_the_desk_or_beside_it(sandbox, side):
    given = picture(side, side)
    assert (given.pixels.nbytes > scratch.SIZE) is (side == 900)
    async with sandbox.worker() as worker:
        _, shared = await worker.open_shared(png_of(given), **LIMITS)
        np.testing.assert_array_equal(shared.pixels.pixels, given.pixels)
        room = shared.room()
        room.array(given.pixels.shape, np.uint8)[...] = given.pixels
        file, _ = await worker.finish(shared, room, WHOLE, Format.PNG, None, strip=False)
        await worker.read(png(9, 12))  # which lies where these have lain
        await worker.decode_shared(**LIMITS)
    np.testing.assert_array_equal(shared.pixels.pixels, given.pixels)
    found = decode(bytes(file.data), max_pixels=10**6)
    np.testing.assert_array_equal(found.pixels, given.pixels)


async def test_what_is_wrong_with_a_picture_is_said_in_the_same_words(sandbox):
    async with sandbox.worker() as worker:
        with pytest.raises(UnsupportedImage, match="Not an image"):
            await worker.read(b"GIF or so")
        with pytest.raises(UnreadableImage, match="PNG"):
            await worker.read(png()[:-30])
        await worker.read(png(9, 12))
        with pytest.raises(TooManyPixels, match="12 x 9"):
            await worker.decode(max_pixels=107, max_side=100)
    assert await works(sandbox) == worker.link.pid
    assert not sandbox.losses


async def test_our_own_mistakes_come_with_their_traceback(sandbox):
    async with sandbox.worker() as worker:
        with pytest.raises(JobFailed, match="IndexError"):
            await worker.decode(**LIMITS)
    assert await works(sandbox) == worker.link.pid


async def test_workers_are_lent_to_one_job_each_and_so_many_at_a_time(sandbox):
    at_work, most = set(), 0

    async def job():
        nonlocal most
        async with sandbox.worker() as worker:
            assert worker not in at_work
            at_work.add(worker)
            most = max(most, len(at_work))
            await worker.read(png())
            await worker.decode_shared(**LIMITS)
            at_work.remove(worker)

    await asyncio.gather(*(job() for _ in range(20)))
    assert most == 2


@pytest.mark.parametrize(
    ("sign", "cause"),
    [
        (signal.SIGKILL, Cause.KILLED),
        (signal.SIGSEGV, Cause.CRASHED),
        (signal.SIGABRT, Cause.CRASHED),
        (signal.SIGXCPU, Cause.TIME),
    ],
)
async def test_a_worker_that_dies_costs_its_job_and_is_replaced_at_once(sandbox, sign, cause):
    async with sandbox.worker() as worker:
        comparison = await comparing(worker, stopped=True)
        await works(sandbox)
        os.kill(worker.link.pid, sign)
        if sign != signal.SIGKILL:  # which ends a stopped process, too
            os.kill(worker.link.pid, signal.SIGCONT)
        with pytest.raises(WorkerLost) as lost:
            await comparison
    assert lost.value.cause is cause
    assert sandbox.losses == {cause: 1}
    pids = {await works(sandbox), await works(sandbox)}
    assert worker.link.pid not in pids


async def test_why_a_worker_died_between_two_commands_is_known(sandbox):
    async with sandbox.worker() as worker:
        await worker.read(png())
        os.kill(worker.link.pid, signal.SIGSEGV)
        await until(lambda: not worker.link.usable)
        with pytest.raises(WorkerLost) as lost:
            await worker.decode(**LIMITS)
    assert lost.value.cause is Cause.CRASHED


async def test_another_worker_takes_the_place_of_one_that_died_idle(sandbox):
    for _ in range(3):
        pid = await works(sandbox)
        os.kill(pid, signal.SIGKILL)
        (idle,) = sandbox._idle
        await until(lambda idle=idle: not idle.link.usable)  # for the fork server has told
        assert await works(sandbox) != pid
    assert sandbox.losses == {Cause.KILLED: 3}


async def test_a_stopped_worker_is_ended_when_patience_is(sandbox):
    async with Sandbox(1, patience=1).worker() as worker:
        comparison = await comparing(worker, stopped=True)
        with pytest.raises(WorkerLost) as lost:
            await asyncio.wait_for(comparison, 20)
    assert lost.value.cause is Cause.STUCK
    await until(lambda: not is_alive(worker.link.pid))


async def test_slow_work_goes_on_for_it_makes_progress(anyio_backend):
    sandbox = Sandbox(1, patience=2)
    async with sandbox.worker() as worker:
        comparison = await comparing(worker, 1500)  # which takes a second and more
        for _ in range(6):  # altogether longer than anybody has patience
            os.kill(worker.link.pid, signal.SIGSTOP)
            await asyncio.sleep(0.3)
            os.kill(worker.link.pid, signal.SIGCONT)
            await asyncio.sleep(0.1)
        assert await comparison == (0, float("inf"), 1)
    assert not sandbox.losses
    sandbox.close()


async def test_a_job_that_wants_more_memory_than_its_pixels_may_is_refused(sandbox, monkeypatch):
    async with sandbox.worker() as worker:
        await worker.read(png(2000, 2000))
        monkeypatch.setattr(Need, "decoding", Budget(1 << 20, 60))
        with pytest.raises(WorkerLost) as lost:
            await worker.decode(**LIMITS)
    assert lost.value.cause is Cause.MEMORY
    assert "far more memory" in lost.value.reason
    monkeypatch.undo()
    assert sandbox.losses == {Cause.MEMORY: 1}
    assert await works(sandbox) != worker.link.pid


@pytest.mark.parametrize(("limit", "own"), [(1 << 31, True), (1 << 46, False), (-1, False)])
def test_want_of_memory_is_its_own_where_the_system_has_as_much_again(limit, own):
    command = (
        "import resource; from app.sandbox.limits import has_reached_limit; "
        f"resource.setrlimit(resource.RLIMIT_AS, ({limit}, -1)); print(has_reached_limit())"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    assert done.stdout.decode().strip() == str(own)


async def test_a_job_that_takes_more_time_than_its_pixels_may_is_ended(sandbox, monkeypatch):
    monkeypatch.setattr(budget, "SECONDS", 0)
    monkeypatch.setattr(budget, "SECONDS_PER_MEGAPIXEL", 0)
    monkeypatch.setattr(budget, "SECONDS_PER_FILE_MEGABYTE", 0)
    async with sandbox.worker() as worker:
        comparison = await comparing(worker, 4000)
        with pytest.raises(WorkerLost) as lost:
            await comparison
    assert lost.value.cause is Cause.TIME


async def test_a_file_has_no_more_time_to_decode_than_its_pixels_and_bytes_take(
    sandbox, monkeypatch
):
    """Of layers, each takes as long as the image, and has 30 bytes."""
    monkeypatch.setattr(budget, "SECONDS", 0)
    monkeypatch.setattr(budget, "SECONDS_PER_DECODED_MEGAPIXEL", 0)
    async with sandbox.worker() as worker:
        await worker.read(layered(8000, 9))
        with pytest.raises(WorkerLost) as lost:
            await worker.decode(max_pixels=64_000_000, max_side=8000)
    assert lost.value.cause is Cause.TIME


async def test_a_file_of_many_tiny_tiles_has_the_time_that_they_take(sandbox, monkeypatch):
    """Each costs as much as thousands of pixels; so many are not decoded by the way."""
    monkeypatch.setattr(budget, "SECONDS", 0)
    monkeypatch.setattr(budget, "SECONDS_PER_DECODED_MEGAPIXEL", 0)
    monkeypatch.setattr(budget, "SECONDS_PER_FILE_MEGABYTE", 0)
    pixels = np.zeros((16 * 3000, 16), np.uint8)
    options = {"tile": (16, 16), "compression": "deflate", "photometric": "minisblack"}
    tifffile.imwrite(file := io.BytesIO(), pixels, **options)
    async with sandbox.worker() as worker:
        header, nothing = await worker.open_shared(file.getvalue(), **LIMITS)
        assert (header.segments, nothing) == (3000, None)
        shared = await worker.decode_shared(**LIMITS)
    assert shared.layout.shape == (48_000, 16, 1)
    assert not sandbox.losses


async def test_a_job_that_nobody_wants_any_more_ends_soon(sandbox):
    pids: list[int] = []

    async def job():
        async with sandbox.worker() as worker:
            comparison = await comparing(worker, stopped=True)
            pids.append(worker.link.pid)
            await comparison

    task = asyncio.create_task(job())
    await until(lambda: pids)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await until(lambda: not is_alive(pids[0]))
    await works(sandbox)
    assert not sandbox.losses


async def test_a_worker_keeps_nothing_of_a_job_that_broke_off(sandbox):
    async with sandbox.worker() as first:
        await first.read(png())
    async with sandbox.worker() as second:
        assert second is first
        with pytest.raises(JobFailed, match="IndexError"):
            await second.decode(**LIMITS)


async def test_the_fork_server_may_die_or_stop_too(sandbox):
    for sign in (signal.SIGKILL, signal.SIGSTOP):
        async with sandbox.worker() as worker:
            comparison = await comparing(worker, stopped=True)
            spawner = SPAWNER.pid
            os.kill(spawner, sign)
            if sign == signal.SIGSTOP:
                SPAWNER.end()  # as it is when it does not do what it is told
            with pytest.raises(WorkerLost):
                await comparison
        await until(lambda pid=worker.link.pid: not is_alive(pid))
        with suppress(WorkerLost):
            await works(sandbox)
        await works(sandbox)
        assert SPAWNER.pid != spawner


async def test_a_worker_that_babbles_is_taken_for_crashed(anyio_backend):
    class Babbler(Spawner):
        """A spawner whose worker says what it likes."""

        def start(self, connection, *, threads=False):
            self.connection = connection.dup()
            return 1

        def kill(self, number):
            self.connection.close()

    for words in (
        b"\xff\xff\xff\xff",
        b"\2\0\0\0[]",
        b"\x0a\0\0\0" + b'{"pid": 1}' + b"\x0e\0\0\0" + b'{"header": {}}',
        b"\x0a\0\0\0" + b'{"pid": 1}' + b"\x0d\0\0\0" + b'{"died": "a"}',
        b"\x0a\0\0\0" + b'{"pid": 1}' + b"\x02\0\0\0" + b"{}",
    ):
        babbler = Babbler()
        worker = Remote(Link(babbler, 10))
        babbler.connection.sendall(words)
        with pytest.raises(WorkerLost) as lost:
            await worker.read(png())
        assert lost.value.cause is Cause.CRASHED
        worker.link.close()


async def test_close_ends_the_workers(anyio_backend):
    sandbox = Sandbox(2)
    pid = await works(sandbox)
    sandbox.close()
    await until(lambda: not is_alive(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux confines")
async def test_a_worker_is_confined(sandbox, monkeypatch):
    monkeypatch.setenv("A_SECRET", "x")
    SPAWNER.end()
    sandbox = Sandbox(1)
    pid = await works(sandbox)
    process = Path(f"/proc/{pid}")
    assert b"SECRET" not in (process / "environ").read_bytes()
    assert "NoNewPrivs:\t1" in (process / "status").read_text()
    assert "Threads:\t1" in (process / "status").read_text()
    assert len(list((process / "fd").iterdir())) == 5  # nothing, thrice; service; scratch memory
    rows = (process / "limits").read_text().splitlines()
    held = {row[:26].strip(): row[26:].split()[:2] for row in rows}
    assert held["Max file size"] == held["Max processes"] == held["Max core file size"] == ["0"] * 2
    assert held["Max open files"] == ["32", "32"]
    assert int(held["Max address space"][0]) < 2 << 30
    assert int(held["Max cpu time"][0]) < 60
    modules = (process / "maps").read_text()
    sandbox.close()
    assert "imagecodecs" in modules
    assert "tensorflow" not in modules


async def test_a_decoder_that_starts_threads_has_a_worker_of_its_own(sandbox):
    """Which ends with its job; and others may not start any, whoever they run as."""
    file = heic(picture(40, 50).pixels, 8)
    async with sandbox.worker(threads=True) as worker:
        _, shared = await worker.open_shared(file, **LIMITS)
        assert shared.layout.shape == (40, 50, 3)
        status = Path(f"/proc/{worker.link.pid}/status").read_text()
        assert sys.platform != "linux" or "Seccomp:\t2" in status
    await until(lambda: not is_alive(worker.link.pid))
    assert await works(sandbox) != worker.link.pid
    assert not sandbox.losses


async def test_a_worker_with_threads_that_is_stuck_is_ended(anyio_backend):
    sandbox = Sandbox(1, patience=1)
    async with sandbox.worker(threads=True) as worker:
        await worker.read(png())
        os.kill(worker.link.pid, signal.SIGSTOP)
        with pytest.raises(WorkerLost) as lost:
            await worker.decode(**LIMITS)
    assert lost.value.cause is Cause.STUCK
    assert sandbox.losses == {Cause.STUCK: 1}
    await until(lambda: not is_alive(worker.link.pid))
    assert await works(sandbox)
    sandbox.close()


CONFINED = """
import os, socket, sys, threading
from app.sandbox.limits import confine, confine_worker
parent = os.getppid()
confine()
confine_worker(parent, threads=sys.argv[3] == "threads")
held = [os.readlink("/proc/self/ns/net")]
for name, attempt in {
    "write": lambda: open(sys.argv[1], "r+b").write(b"x"),
    "create": lambda: open(sys.argv[1] + "2", "x"),
    "remove": lambda: os.remove(sys.argv[1]),
    "connect": lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2])), 2),
    "fork": lambda: os.fork() or os._exit(0),
    "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "thread": lambda: threading.Thread(target=held.append, args=["threads"]).start(),
}.items():
    try:
        attempt()
    except (OSError, RuntimeError):
        held.append(name)
os.write(1, " ".join(held).encode())
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux confines")
@pytest.mark.parametrize("kind", ["threads", "none"])
async def test_confinement_holds_as_far_as_the_kernel_lets_it(anyio_backend, tmp_path, kind):
    file = tmp_path / "file"
    file.write_bytes(b"here")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        command = [sys.executable, "-c", CONFINED, str(file), port, kind]
        done = subprocess.run(command, capture_output=True, timeout=30, check=True)
    apart, *held = done.stdout.decode().split()
    assert file.read_bytes() == b"here"  # no bytes can be written anywhere
    if limits.landlock_version() > 0:
        assert {"write", "create", "remove"} <= set(held)
    if apart != str(Path("/proc/self/ns/net").readlink()):
        assert "connect" in held
    if kind == "threads" and platform.machine() in ("x86_64", "aarch64"):
        assert {"fork", "spawn", "threads"} <= set(held)
    elif os.getuid():  # the limit does not hold for root
        assert {"fork", "spawn", "thread"} <= set(held)


ORPHANS = """
import asyncio
from app.sandbox.spawner import Spawner
from app.sandbox.pool import SPAWNER, Sandbox
from tests.sandbox.test_pool import comparing

async def main():
    sandbox = Sandbox(2)
    async with sandbox.worker() as one:
        await comparing(one, stopped=True)
        print(SPAWNER.pid, one.link.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_a_service_that_ends_in_any_way_leaves_no_process(anyio_backend, sign):
    process = subprocess.Popen(
        [sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    pids = list(map(int, process.stdout.readline().split()))
    assert len(pids) == 2
    assert all(map(is_alive, pids))
    process.send_signal(sign)
    process.wait(20)
    process.stdout.close()
    await until(lambda: not any(map(is_alive, pids)))


async def test_ctrl_c_is_the_services_alone(sandbox):
    async with sandbox.worker() as worker:
        comparison = await comparing(worker, stopped=True)
        for pid in (SPAWNER.pid, worker.link.pid):
            os.kill(pid, signal.SIGINT)
        os.kill(worker.link.pid, signal.SIGCONT)
        assert (await comparison)[2] == 1
    assert worker.link.pid in workers()
    assert not SPAWNER.told_to_end()


@pytest.mark.parametrize("child", ["the fork server", "a worker"])
async def test_the_service_learns_that_a_child_was_told_to_end(anyio_backend, child):
    spawner = Spawner()
    worker = Remote(Link(spawner, 10))
    await worker.read(png())
    assert not spawner.told_to_end()
    for _ in range(2):
        os.kill(spawner.pid if child == "the fork server" else worker.link.pid, signal.SIGTERM)
    await until(spawner.told_to_end)
    await worker.decode(**LIMITS)
    assert not spawner.told_to_end()  # it tells once
    worker.link.close()
    spawner.end()
    assert not spawner.told_to_end()


async def test_without_a_fork_each_worker_is_a_fresh_process(anyio_backend):
    spawner = Spawner(forks=False)
    for end in (signal.SIGKILL, signal.SIGSEGV):
        worker = Remote(Link(spawner, 10))
        await worker.read(png(9, 12))
        assert (await worker.decode(**LIMITS)).shape == (9, 12, 3)
        os.kill(worker.link.pid, end)
        with pytest.raises(WorkerLost) as lost:
            await worker.compare()
        assert lost.value.cause is (Cause.KILLED if end == signal.SIGKILL else Cause.CRASHED)
        worker.link.close()
    spawner.end()


async def test_the_measures_are_those_of_the_pictures_whichever_side_is_long(sandbox):
    a, b = picture(30, 90), picture(30, 90, channels=1)
    async with sandbox.worker() as worker:
        for each in (a, b):
            await worker.read(png_of(each))
        for _ in range(2):
            await worker.decode(**LIMITS)
        found = await worker.compare()
    grey = np.broadcast_to(b.pixels, a.pixels.shape)
    assert found[2] == pytest.approx(ssim(a.pixels, grey), abs=1e-9)


async def test_a_small_picture_takes_one_trip_and_a_large_one_is_only_read(sandbox):
    async with sandbox.worker() as worker:
        header, shared = await worker.open_shared(png(9, 12), **LIMITS)
        assert (header.width, header.height) == (12, 9)
        assert np.array_equal(shared.pixels.pixels, picture(9, 12).pixels)
        header, nothing = await worker.open_shared(png(1025, 1025), **LIMITS)
        assert header.size == 1025**2
        assert nothing is None
        shared = await worker.decode_shared(**LIMITS)
        assert shared.layout.shape == (1025, 1025, 3)


async def test_what_is_lent_for_a_file_that_fails_is_given_back(sandbox):
    damaged = png(50, 60)[:-60]
    async with sandbox.worker() as worker:
        for _ in range(40):  # a worker may have 32 descriptors
            with pytest.raises(UnreadableImage):
                await worker.open_shared(damaged, **LIMITS)
        await worker.read(png())
    assert not sandbox.losses
