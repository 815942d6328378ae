import asyncio
from contextlib import suppress

import pytest

from app.sandbox.semaphore import FairSemaphore

pytestmark = pytest.mark.anyio


async def order_of(semaphore, clients, cancelled=()):
    """Return in which order jobs of these clients get a place once two others are done with theirs;
    some are cancelled first.
    """
    served = []

    async def job(number, client):
        async with semaphore.slot_for(client):
            served.append(f"{client}{number}")
            await asyncio.sleep(0)

    async with semaphore.slot_for("first"), semaphore.slot_for("second"):
        tasks = [asyncio.create_task(job(*each)) for each in enumerate(clients)]
        await asyncio.sleep(0)
        for number in cancelled:
            tasks[number].cancel()
        await asyncio.sleep(0)
    await asyncio.wait(tasks)
    return served


async def test_clients_take_turns_and_the_jobs_of_each_keep_their_order():
    assert await order_of(FairSemaphore(1), "aaabc") == ["a0", "b3", "c4", "a1", "a2"]


async def test_who_has_left_is_passed_over():
    assert await order_of(FairSemaphore(1), "aabb", cancelled=(0, 3)) == ["a1", "b2"]


async def test_no_place_is_lost_when_a_job_is_cancelled_as_its_turn_comes():
    semaphore = FairSemaphore(1)
    async with semaphore.slot_for("a"):
        waiting = asyncio.create_task(semaphore.slot_for("b").__aenter__())
        await asyncio.sleep(0)
    waiting.cancel()  # the place is its own by now, but it has not been told
    with suppress(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5), semaphore.slot_for("c"):
        pass


async def test_as_many_are_at_work_as_there_are_slots():
    semaphore, at_work, most = FairSemaphore(3), 0, 0

    async def job():
        nonlocal at_work, most
        async with semaphore.slot_for("a"):
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1

    await asyncio.gather(*(job() for _ in range(10)))
    assert (at_work, most) == (0, 3)


async def test_a_client_that_takes_all_slots_keeps_nobody_else_from_a_first_one():
    semaphore = FairSemaphore(2)
    async with semaphore.slot_for("a"), semaphore.slot_for("a"):
        third = asyncio.create_task(semaphore.slot_for("a").__aenter__())
        async with asyncio.timeout(5), semaphore.slot_for("b"):
            second = asyncio.create_task(semaphore.slot_for("b").__aenter__())
            await asyncio.sleep(0)
            assert not third.done()
            assert not second.done()
        async with asyncio.timeout(5):
            await second
        assert not third.done()
    async with asyncio.timeout(5):
        await third
