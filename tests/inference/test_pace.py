import time

import pytest

from app.inference.pace import Pace


@pytest.fixture
def clock(monkeypatch):
    """Returns a function that sets the time, in seconds."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def test_the_assumed_cost_counts_until_work_has_been_timed():
    assert Pace(0.5, pixels=100).seconds(8) == pytest.approx(4)


def test_the_measured_cost_takes_the_place_of_the_assumed_one(clock):
    measured = Pace(1.0, pixels=100)
    for number in range(1, 61):
        clock(2.0 * number)
        measured.account(100, start=2.0 * (number - 1))
    assert measured.seconds(1000) == pytest.approx(20, rel=0.05)


def test_time_in_which_two_batches_overlap_counts_once(clock):
    apart, together = Pace(0.0, pixels=100), Pace(0.0, pixels=100)
    clock(1.0)
    apart.account(100, start=0.0)
    together.account(100, start=0.0)
    clock(2.0)
    apart.account(100, start=1.0)
    together.account(100, start=0.0)
    assert together.seconds(1) == pytest.approx(apart.seconds(1))
