import asyncio
import gc
import weakref
from contextlib import ExitStack

import pytest

from app.inference.batcher import Overloaded
from app.service.errors import UnknownJob
from app.service.jobs import AT_ONCE, AT_PACE, STEP_SECONDS, Jobs, State
from app.service.memory import Memory

pytestmark = pytest.mark.anyio

UPLOAD, RESULT = 100, 30


@pytest.fixture
def memory():
    return Memory(1000, 20)


@pytest.fixture
def jobs(memory):
    return Jobs(memory, limit=5, seconds=60)  # of which one client may have 4


@pytest.fixture
def start(jobs, memory):
    """Starts a job that ends as its gate, a future, does."""

    def begin(gate, owner=None, client="", seconds=10.0):
        async def work(share, progress):
            share.hold(RESULT)
            progress.planned = 4
            progress.done, progress.remaining = 1, lambda: 7.5
            return await gate

        with ExitStack() as held:
            held.enter_context(memory.share()).hold(UPLOAD)
            return jobs.start(work, held, owner=owner, client=client, seconds=seconds)

    return begin


def gate():
    return asyncio.get_running_loop().create_future()


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_job_is_followed_to_its_end(jobs, start, memory):
    door = gate()
    job = start(door)
    assert jobs.find(job.id, None) is job
    assert jobs.status(job).state is State.WAITING
    assert memory.held == UPLOAD
    await settle()
    status = jobs.status(job)
    assert (status.state, status.percent, status.seconds_left) == (State.RUNNING, 25, 7.5)
    assert memory.held == UPLOAD + RESULT
    door.set_result("picture")
    found = [each async for each in jobs.changes(job, 5)]
    assert found[-1].state is State.DONE
    assert (found[-1].percent, found[-1].seconds_left) == (100, None)
    assert job.result == "picture"
    assert memory.held == RESULT
    await jobs.cancel(job)
    assert memory.held == memory.shares == 0
    assert jobs.ends == {"done": 1}


async def test_an_id_is_not_to_be_guessed_and_names_the_worker(jobs, start):
    jobs.worker = 3
    ids = {start(gate()).id for _ in range(4)}
    assert len(ids) == 4
    assert all(each.startswith("3-") and len(each) >= 24 for each in ids)
    await jobs.close()


async def test_jobs_may_come_and_go_while_others_look_at_them(jobs, start):
    first = start(gate())
    looking = iter(jobs)
    start(gate())
    assert list(looking) == [first]
    await jobs.close()


async def test_nobody_else_knows_of_it(jobs, start):
    job = start(gate(), owner="ann")
    assert jobs.find(job.id, "ann") is job
    for owner in ("bob", None):
        with pytest.raises(UnknownJob):
            jobs.find(job.id, owner)
    with pytest.raises(UnknownJob):
        jobs.find("0-nothing", "ann")
    await jobs.close()


async def test_one_that_waits_reckons_with_those_before_it(jobs, start):
    held = [start(gate(), seconds=10) for _ in range(AT_ONCE + 2)]
    await settle()
    assert [jobs.status(job).state for job in held[AT_ONCE:]] == [State.WAITING] * 2
    assert jobs.status(held[-2]).seconds_left == AT_ONCE * 7.5 + 10
    assert jobs.status(held[-1]).seconds_left == AT_ONCE * 7.5 + 20
    await jobs.cancel(held[0])
    await settle()
    assert jobs.status(held[-2]).state is State.RUNNING
    await jobs.close()


async def test_cancelling_ends_the_work_and_gives_the_memory_back(jobs, start, memory):
    door = gate()
    running = start(door)
    others = [start(gate()) for _ in range(AT_ONCE)]
    await settle()
    await jobs.cancel(running)
    await jobs.cancel(others[-1])
    assert door.cancelled()
    assert jobs.ends["cancelled"] == 2
    with pytest.raises(UnknownJob):
        jobs.find(running.id, None)
    await jobs.close()
    assert memory.held == memory.shares == 0
    assert list(jobs) == []


async def test_whoever_follows_one_that_is_cancelled_hears_no_more(jobs, start):
    job = start(gate())
    changes = jobs.changes(job, 60)
    await anext(changes)
    await jobs.cancel(job)
    assert [each async for each in changes] == []


async def test_a_failure_is_kept_and_its_memory_is_not(jobs, start, memory):
    door = gate()
    job = start(door)
    await settle()
    door.set_exception(ValueError("no"))
    await settle()
    assert jobs.status(job).state is State.FAILED
    assert str(job.error) == "no"
    assert memory.held == memory.shares == 0
    assert jobs.ends == {"failed": 1}


class Pixels:
    """Stands for the memory that a job takes."""


async def test_a_result_goes_with_its_job(jobs, start):
    door, pixels = gate(), Pixels()
    lives = weakref.ref(pixels)
    door.set_result(pixels)
    job = start(door)
    async for _ in jobs.changes(job, 5):
        pass
    await jobs.cancel(job)
    del door, pixels, job
    await settle()
    gc.collect()
    assert lives() is None


async def test_a_failure_does_not_hold_what_it_happened_to(jobs):
    lives = []

    async def work(share, progress):
        pixels = Pixels()
        lives.append(weakref.ref(pixels))
        try:
            raise OSError("no space")
        except OSError as error:
            raise ValueError("no") from error

    job = jobs.start(work, ExitStack(), owner=None, seconds=1)
    async for _ in jobs.changes(job, 5):
        pass
    del work
    gc.collect()
    assert str(job.error) == "no"
    assert lives[0]() is None


async def test_where_others_leave_no_room_it_waits(jobs, memory):
    tries = []

    async def work(share, progress):
        tries.append(share)
        if len(tries) < 3:
            raise Overloaded(0.01)
        return "picture"

    job = jobs.start(work, ExitStack(), owner=None, seconds=1)
    assert [each.state async for each in jobs.changes(job, 5)][-1] is State.DONE
    assert len(tries) == 3
    assert memory.shares == 1


async def test_there_are_only_so_many_and_what_was_fetched_makes_room(jobs, start):
    doors = [gate() for _ in range(4)]
    kept = [start(door) for door in doors]
    with pytest.raises(Overloaded):
        start(gate())
    doors[1].set_result("picture")
    await settle()
    with pytest.raises(Overloaded):
        start(gate())
    kept[1].collected = True
    start(gate())
    with pytest.raises(UnknownJob):
        jobs.find(kept[1].id, None)
    await jobs.close()


async def test_clients_whose_jobs_wait_take_turns_but_for_a_first_one(jobs, start):
    doors = [gate() for _ in range(3)]
    ones = [start(door, client="one") for door in doors]
    others = [start(gate(), client="other") for _ in range(2)]
    await settle()
    assert jobs.status(others[0]).state is State.RUNNING
    for waiting in (ones[2], others[1]):
        assert jobs.status(waiting).state is State.WAITING
        assert jobs.status(waiting).seconds_left == (AT_ONCE + 1) * 7.5 + 2 * 10
    for door in doors[:2]:
        door.set_result("picture")
    await settle()
    assert jobs.status(ones[2]).state is State.RUNNING
    assert jobs.status(others[1]).state is State.WAITING
    await jobs.close()


async def test_results_that_nobody_fetches_make_way_for_other_clients(jobs, start):
    door = gate()
    door.set_result("picture")
    kept = [start(door, client="hoarder") for _ in range(4)]
    async for _ in jobs.changes(kept[-1], 5):
        pass
    with pytest.raises(Overloaded):
        start(door, client="hoarder")
    mine = [start(gate(), client="other") for _ in range(2)]
    assert list(jobs) == [*kept[1:], *mine]
    with pytest.raises(Overloaded):  # as it would have as many
        start(gate(), client="other")
    await jobs.close()


async def test_what_has_ended_is_forgotten_after_a_time(memory):
    jobs = Jobs(memory, limit=4, seconds=0.3)

    async def work(share, progress):
        share.hold(RESULT)

    job = jobs.start(work, ExitStack(), owner=None, seconds=1)
    assert [each.state async for each in jobs.changes(job, 5)][-1] is State.DONE
    async with asyncio.timeout(30):
        while list(jobs):
            await asyncio.sleep(0.01)
    with pytest.raises(UnknownJob):
        jobs.find(job.id, None)
    assert memory.held == memory.shares == 0


async def test_following_ends_after_a_time(jobs, start):
    job = start(gate())
    assert 1 <= len([each async for each in jobs.changes(job, 0)]) <= 2
    await jobs.close()


async def test_many_who_follow_hear_less_often_but_at_once_of_the_end(jobs, start):
    door = gate()
    job = start(door)
    await settle()
    followers = [jobs.changes(job, 60) for _ in range(20 * AT_PACE)]
    for each in followers:
        await anext(each)
    heard = [asyncio.create_task(anext(each)) for each in followers]
    job.progress.done = 2
    await asyncio.sleep(2 * STEP_SECONDS)
    assert not all(each.done() for each in heard)
    door.set_result("picture")
    async with asyncio.timeout(5):
        last = await asyncio.gather(*heard)
    assert last[-1].state is State.DONE
