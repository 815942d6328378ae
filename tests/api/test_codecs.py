import threading

import anyio
import pytest

from app.api.codecs import Codecs

pytestmark = pytest.mark.anyio


async def test_work_is_done_in_threads_so_many_at_a_time():
    codecs = Codecs(2, patience=60)
    at_once: list[None] = []
    most: list[int] = []
    both = threading.Barrier(2)

    def work():
        at_once.append(None)
        both.wait(10)
        most.append(len(at_once))
        at_once.pop()
        return threading.current_thread()

    threads = []

    async def run():
        threads.append(await codecs.run(work))

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(run)
    assert max(most) == 2
    assert threading.current_thread() not in threads


async def test_errors_come_back():
    codecs = Codecs(1, patience=60)
    with pytest.raises(ZeroDivisionError):
        await codecs.run(lambda: 1 // 0)
    for error in (SystemExit(3), KeyboardInterrupt()):

        def end(error=error):
            raise error

        with pytest.raises(RuntimeError, match="told to end"):
            await codecs.run(end)
    assert await codecs.run(lambda: 1) == 1


async def test_work_beyond_patience_is_stuck():
    codecs, released = Codecs(1, patience=0.1), threading.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(codecs.run, released.wait)
        await anyio.sleep(0.02)
        assert not codecs.stuck
        while not codecs.stuck:
            await anyio.sleep(0.01)
        released.set()
    assert not codecs.stuck
