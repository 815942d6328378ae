import threading
import time
from collections import Counter

import numpy as np
import pytest

from app.imaging.tiling import plan
from app.inference.batcher import Batcher, Draining, Limits, Overloaded
from app.inference.canvas import Planes

TILE = 64 * 64


class Gate:
    """A forward pass that inverts, waits to be let through, and remembers what it saw."""

    def __init__(self, opened=True):
        self.batches = []
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()
        if opened:
            self.opened.set()

    def __call__(self, tiles):
        self.batches.append(tiles)
        self.entered.release()
        assert self.opened.wait(10)
        return 255 - tiles


@pytest.fixture
def start():
    batchers = []

    def make(
        forward,
        *,
        batch_pixels=4 * TILE,
        queue_pixels=100 * TILE,
        deadline=60.0,
        cost=0.0,
        lanes=1,  # batches one after the other, in an order that can be told
    ):
        batcher = Batcher(
            forward,
            Limits(batch_pixels, queue_pixels, deadline),
            seconds_per_pixel=cost,
            lanes=lanes,
        )
        batchers.append(batcher)
        return batcher

    yield make
    for batcher in batchers:
        batcher.close(timeout=10)


def post(batcher, value, tiles=1, client=""):
    """Queues a picture of one colour, `tiles` tiles wide; returns the future and the result."""
    pixels = np.full((64, 64 * tiles, 3), value, np.uint8)
    result = np.zeros_like(pixels)
    pieces = plan(64, 64 * tiles, halo=0, stride=1, sides=(64,))
    canvas = Planes(pixels, result)
    return batcher.submit(canvas, pieces, lambda timing: timing, client=client), result


def test_a_picture_comes_back_whole_with_its_timing(start):
    batcher = start(Gate())
    future, result = post(batcher, 10, tiles=9)
    timing = future.result(10)
    assert (result == 245).all()
    assert timing.queue >= 0
    assert timing.infer > 0
    batcher.close()
    assert batcher.queued_pixels == 0
    assert (batcher.stats.tiles, batcher.stats.pixels) == (9, 9 * TILE)


def test_requests_share_batches_within_the_budget(start):
    gate = Gate(opened=False)
    batcher = start(gate)
    post(batcher, 0)
    gate.entered.acquire()
    futures = [post(batcher, value)[0] for value in range(1, 7)]
    gate.opened.set()
    for future in futures:
        future.result(10)
    assert [batch[:, 0, 0, 0].tolist() for batch in gate.batches] == [[0], [1, 2, 3, 4], [5, 6]]


def test_a_large_picture_does_not_hold_up_small_ones(start):
    gate = Gate(opened=False)
    batcher = start(gate)
    large, _ = post(batcher, 1, tiles=40)
    gate.entered.acquire()
    small = [post(batcher, value)[0] for value in (2, 3)]
    gate.opened.set()
    for future in (large, *small):
        future.result(10)
    values = [Counter(batch[:, 0, 0, 0].tolist()) for batch in gate.batches]
    assert values[1] == {1: 2, 2: 1, 3: 1}
    assert sum(count[1] for count in values) == 40


def test_requests_that_arrive_during_a_batch_precede_its_next_tiles(start):
    gate = Gate(opened=False)
    batcher = start(gate, batch_pixels=TILE)
    large, _ = post(batcher, 1, tiles=3)
    gate.entered.acquire()
    small, _ = post(batcher, 2)
    gate.opened.set()
    for future in (large, small):
        future.result(10)
    assert [batch[0, 0, 0, 0] for batch in gate.batches] == [1, 2, 1, 1]


def test_a_client_of_many_requests_does_not_hold_up_another(start):
    gate = Gate(opened=False)
    batcher = start(gate, batch_pixels=TILE)
    many = [post(batcher, 1, client="many")[0] for _ in range(6)]
    gate.entered.acquire()
    few = [post(batcher, value, tiles, client="few")[0] for value, tiles in ((2, 2), (3, 1))]
    gate.opened.set()
    for future in (*many, *few):
        future.result(10)
    assert [int(batch[0, 0, 0, 0]) for batch in gate.batches] == [1, 2, 1, 3, 1, 2, 1, 1, 1]


def test_a_client_in_time_by_turns_is_accepted_however_much_another_queues(start):
    gate = Gate(opened=False)
    batcher = start(gate, batch_pixels=TILE, cost=1 / TILE, deadline=10.0)
    post(batcher, 1, tiles=40, client="much")
    gate.entered.acquire()
    with pytest.raises(Overloaded):
        post(batcher, 1, tiles=10, client="much")
    future, _ = post(batcher, 2, tiles=4, client="little")
    with pytest.raises(Overloaded):
        post(batcher, 2, tiles=4, client="little")
    gate.opened.set()
    future.result(10)


def test_a_picture_larger_than_the_queue_keeps_no_other_client_out(start):
    gate = Gate(opened=False)
    batcher = start(gate, batch_pixels=TILE, queue_pixels=10 * TILE)
    post(batcher, 1, tiles=40, client="much")
    gate.entered.acquire()
    with pytest.raises(Overloaded):
        post(batcher, 1, client="much")
    futures = [post(batcher, 2, tiles=tiles, client="little")[0] for tiles in (7, 3)]
    with pytest.raises(Overloaded):
        post(batcher, 2, client="little")
    gate.opened.set()
    for future in futures:
        future.result(10)


def test_pictures_of_different_kinds_take_turns(start):
    gate = Gate(opened=False)
    batcher = start(gate, batch_pixels=TILE)
    first, _ = post(batcher, 1, tiles=3)
    gate.entered.acquire()
    grey = np.full((64, 64, 1), 2, np.uint8)
    tiles = plan(64, 64, halo=0, stride=1, sides=(64,))
    second = batcher.submit(Planes(grey, np.zeros_like(grey)), tiles, lambda timing: timing)
    gate.opened.set()
    first.result(10)
    second.result(10)
    assert [batch[0, 0, 0, 0] for batch in gate.batches] == [1, 2, 1, 1]


@pytest.mark.parametrize("lanes", [2, 3])
def test_lanes_work_at_once_and_one_picture_comes_together_from_all(start, lanes):
    gate = Gate(opened=False)
    batcher = start(gate, batch_pixels=TILE, lanes=lanes)
    future, result = post(batcher, 1, tiles=5)
    for _ in range(lanes):
        assert gate.entered.acquire(timeout=10)
    assert len(gate.batches) == lanes
    gate.opened.set()
    future.result(10)
    assert (result == 254).all()
    batcher.close()
    assert (batcher.stats.tiles, batcher.queued_pixels) == (5, 0)


@pytest.mark.parametrize("lanes", [1, 2])
def test_one_large_tile_is_under_way_at_a_time_and_small_ones_have_one_more_lane(start, lanes):
    def small(value):
        pixels = np.full((32, 32, 3), value, np.uint8)
        tiles = plan(32, 32, halo=0, stride=1, sides=(32,))
        return batcher.submit(Planes(pixels, np.zeros_like(pixels)), tiles, lambda timing: timing)

    gate = Gate(opened=False)
    batcher = start(gate, batch_pixels=TILE - 1, lanes=lanes)
    futures = [post(batcher, 1, tiles=3)[0]]
    assert gate.entered.acquire(timeout=10)
    for value in range(2, 3 + lanes):
        futures.append(small(value))
        assert gate.entered.acquire(timeout=10)
    futures.append(small(9))
    assert not gate.entered.acquire(timeout=0.05)
    assert [batch[0, 0, 0, 0] for batch in gate.batches] == [1, *range(2, 3 + lanes)]
    gate.opened.set()
    for future in futures:
        future.result(10)


def test_time_in_which_lanes_overlap_is_counted_once(start):
    took = []

    def forward(tiles):
        began = time.perf_counter()
        time.sleep(0.1)
        took.append(time.perf_counter() - began)
        return tiles

    batcher = start(forward, batch_pixels=TILE, lanes=2)
    post(batcher, 1, tiles=6)[0].result(10)
    while batcher.queued_pixels:
        time.sleep(0.001)
    future, _ = post(batcher, 2, tiles=10)
    one_by_one = 10 * sum(took[:6]) / 6
    assert 0.4 * one_by_one < batcher.queued_seconds < 0.8 * one_by_one
    future.result(10)


def test_a_cancelled_request_leaves_the_queue(start):
    gate = Gate(opened=False)
    batcher = start(gate)
    post(batcher, 1)
    gate.entered.acquire()
    gone, _ = post(batcher, 2, tiles=30)
    kept, _ = post(batcher, 3)
    assert gone.cancel()
    gate.opened.set()
    kept.result(10)
    assert all((batch != 2).all() for batch in gate.batches)
    batcher.close()
    assert (batcher.queued_pixels, batcher.stats.dropped) == (0, 1)


def test_a_request_cancelled_in_the_middle_of_its_last_batch_harms_nobody(start):
    gate = Gate(opened=False)
    batcher = start(gate)
    gone, _ = post(batcher, 1)
    gate.entered.acquire()
    gone.cancel()
    gate.opened.set()
    post(batcher, 2)[0].result(10)


def test_one_bad_tile_fails_its_own_request_only(start):
    def forward(tiles):
        entered.set()
        assert opened.wait(10)
        if (tiles == 66).any():
            raise RuntimeError("out of memory")
        return 255 - tiles

    entered, opened = threading.Event(), threading.Event()
    batcher = start(forward)
    futures = [post(batcher, 0)[0]]
    assert entered.wait(10)
    futures += [post(batcher, value)[0] for value in (1, 66, 3)]
    opened.set()
    with pytest.raises(RuntimeError, match="out of memory"):
        futures[2].result(10)
    for index in (0, 1, 3):
        futures[index].result(10)
    batcher.close()
    assert batcher.queued_pixels == 0


class Short(Planes):
    """Planes for whose results there is no memory."""

    def stitch(self, tile, values):
        raise MemoryError


def test_a_result_that_cannot_be_kept_fails_its_own_request_only(start):
    batcher = start(Gate())
    pixels = np.zeros((64, 128, 3), np.uint8)
    tiles = plan(64, 128, halo=0, stride=1, sides=(64,))
    short = batcher.submit(Short(pixels, pixels), tiles, lambda timing: timing)
    unfinished = batcher.submit(Planes(pixels, pixels), tiles, lambda timing: [][0])
    with pytest.raises(MemoryError):
        short.result(10)
    with pytest.raises(IndexError):
        unfinished.result(10)
    post(batcher, 1)[0].result(10)
    assert batcher.death is None
    batcher.close()
    assert batcher.queued_pixels == 0


def test_a_full_queue_refuses_and_says_when_to_come_back(start):
    gate = Gate(opened=False)
    batcher = start(gate, queue_pixels=5 * TILE, cost=1 / TILE)
    running, _ = post(batcher, 1)
    gate.entered.acquire()
    post(batcher, 2, tiles=4)
    for tiles, seconds in ((1, 2), (4, 4), (9, 5)):
        with pytest.raises(Overloaded) as refusal:
            post(batcher, 3, tiles=tiles)
        assert refusal.value.retry_after == seconds
    gate.opened.set()
    running.result(10)


def test_a_picture_larger_than_the_queue_is_taken_when_it_is_empty(start):
    batcher = start(Gate(), queue_pixels=TILE)
    post(batcher, 1, tiles=20)[0].result(10)


def test_a_request_that_would_exceed_the_deadline_is_refused_at_once(start):
    gate = Gate(opened=False)
    batcher = start(gate, batch_pixels=TILE, deadline=10.0, cost=1 / TILE)
    post(batcher, 1)
    gate.entered.acquire()
    futures = [post(batcher, 2, tiles=9)[0]]  # ten seconds from here
    with pytest.raises(Overloaded) as refusal:
        post(batcher, 3, tiles=9)
    # By then, one tile of the other will be left, and the nine of this one.
    assert refusal.value.retry_after == 9
    futures += [post(batcher, 4, tiles=4)[0]]  # it takes turns: one, four, and four of its own
    with pytest.raises(Overloaded):
        post(batcher, 5, tiles=4)
    gate.opened.set()
    for future in futures:
        future.result(10)


def test_the_cost_of_a_pixel_is_measured(start):
    gate = Gate(opened=False)
    batcher = start(gate, batch_pixels=TILE, deadline=10.0)
    post(batcher, 1)[0]
    gate.entered.acquire()
    assert batcher.queued_seconds == 0.0
    time.sleep(0.02)
    gate.opened.set()
    while batcher.queued_pixels:
        time.sleep(0.001)
    gate.opened.clear()
    future, _ = post(batcher, 2, tiles=2)
    assert 0.02 < batcher.queued_seconds < 10
    gate.opened.set()
    future.result(10)


def test_alone_any_picture_is_taken_however_long_it_takes(start):
    batcher = start(Gate(), deadline=0.5, cost=1 / TILE)
    post(batcher, 1, tiles=20)[0].result(10)


def test_closing_finishes_what_was_taken_and_takes_no_more(start):
    gate = Gate(opened=False)
    batcher = start(gate)
    futures = [post(batcher, value, tiles=3)[0] for value in range(5)]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    gate.entered.acquire()
    gate.opened.set()
    closing.join(10)
    for future in futures:
        assert future.done()
        future.result()
    with pytest.raises(Draining):
        post(batcher, 1)


def test_closing_gives_up_after_its_timeout(start):
    gate = Gate(opened=False)
    batcher = start(gate)
    running, _ = post(batcher, 1)
    gate.entered.acquire()
    waiting, _ = post(batcher, 2, tiles=20)
    batcher.close(timeout=0.05)
    with pytest.raises(Draining):
        waiting.result(0)
    gate.opened.set()
    running.result(10)


def test_batches_that_fail_in_a_row_are_counted(start):
    outcomes = [RuntimeError(), RuntimeError(), None, RuntimeError()]

    def forward(tiles):
        if error := outcomes.pop(0):
            raise error
        return tiles

    batcher, counts = start(forward), []
    while outcomes:
        post(batcher, 1)[0].exception(10)
        while batcher.queued_pixels:
            pass
        counts.append(batcher.failures)
    assert counts == [1, 2, 0, 1]


def test_nobody_waits_for_a_thread_that_has_died(start):
    def forward(tiles):
        entered.set()
        assert opened.wait(10)
        raise SystemExit(3)

    entered, opened = threading.Event(), threading.Event()
    batcher = start(forward)
    running, _ = post(batcher, 1)
    assert entered.wait(10)
    waiting, _ = post(batcher, 2)
    opened.set()
    for future in (running, waiting):
        with pytest.raises(RuntimeError, match="an inference thread has died"):
            future.result(10)
    assert isinstance(batcher.death, SystemExit)
    with pytest.raises(Draining):
        post(batcher, 3)
