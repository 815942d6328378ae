import pytest

from app.api import rate
from app.api.rate import RateLimit


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_minutes_requests_may_come_at_once_and_then_one_by_one(clock):
    limit = RateLimit(6, clock)
    assert [limit.wait("a") for _ in range(6)] == [0] * 6
    assert limit.wait("a") == pytest.approx(10)
    clock.now += 9
    assert limit.wait("a") == pytest.approx(1)
    clock.now += 1
    assert limit.wait("a") == 0
    assert limit.wait("a") == pytest.approx(10)
    clock.now += 3600
    assert [limit.wait("a") for _ in range(7)].count(0) == 6


def test_callers_have_limits_of_their_own(clock):
    limit = RateLimit(1, clock)
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0
    assert limit.wait("b") == 0


def test_being_refused_costs_nothing(clock):
    limit = RateLimit(1, clock)
    limit.wait("a")
    for _ in range(100):
        assert limit.wait("a") == pytest.approx(60)


def test_callers_are_forgotten_when_their_minute_is_over(clock):
    limit = RateLimit(10, clock)
    for number in range(50):
        limit.wait(str(number))
    assert len(limit) == 50
    clock.now += 60
    limit.wait("late")
    assert len(limit) == 1


def test_memory_does_not_grow_with_the_number_of_callers(clock, monkeypatch):
    monkeypatch.setattr(rate, "MAX_CALLERS", 100)
    limit = RateLimit(1, clock)
    for number in range(1000):
        assert limit.wait(str(number)) == 0
    assert len(limit) == 100
    assert limit.wait("999") > 0
