"""The simulation of replicas, against what queueing theory knows."""

import numpy as np
import pytest

from benchmarks.capacity import (
    cost_of_a_million,
    measured,
    percentile,
    replicas_for,
    simulate,
)
from benchmarks.load import arrivals


def steady(_requests):
    return 1.0


@pytest.mark.parametrize("spread", [False, True])
def test_shared_service_has_the_mean_that_theory_gives(spread):
    """Mean time of M/G/1 with processor sharing: E[S] / (1 - load), whatever the distribution."""
    due = arrivals(0.6, 8_000, seed=1)
    random = np.random.default_rng(2)
    work = random.exponential(1.0, len(due)) if spread else np.ones(len(due))
    found = simulate(due, list(work), 1, steady)
    assert np.mean([each for each in found if each is not None]) == pytest.approx(2.5, rel=0.15)


def test_a_lone_request_takes_its_own_time():
    assert simulate([1.0, 11.0], [3.0, 2.0], 1, measured({1: 0.5, 16: 1.0})) == [6.0, 4.0]


def test_two_together_share_what_is_faster_by_then():
    assert simulate([0.0, 0.0], [3.0, 3.0], 1, measured({1: 1.0, 2: 1.5})) == [4.0, 4.0]


def test_what_would_wait_too_long_is_refused():
    due = arrivals(3.0, 200)
    found = simulate(due, [1.0] * len(due), 1, steady, queue_seconds=5.0)
    answered = sum(each is not None for each in found)
    assert answered == pytest.approx(200, abs=10)
    assert percentile(found, 100) < 20


def test_the_fewest_replicas_that_are_enough():
    few = replicas_for(4.0, 3.0, 1.0, steady)
    assert 5 <= few <= 12
    assert replicas_for(4.0, 1.5, 1.0, steady) > few
    with pytest.raises(ValueError, match="alone takes"):
        replicas_for(4.0, 0.5, 1.0, steady)


def test_the_cost_of_a_million():
    assert cost_of_a_million(0.3, 8, 0.4, 12.0) == pytest.approx(50.0)
