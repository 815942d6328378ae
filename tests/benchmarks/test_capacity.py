"""The simulation of replicas, against what queueing theory knows."""

import numpy as np
import pytest

from benchmarks.capacity import (
    Shape,
    cost_of_a_million,
    measured,
    percentile,
    replicas_for,
    simulate,
)
from benchmarks.load import arrivals

ONE_BY_ONE, SIDE_BY_SIDE = Shape(), Shape(tiles=50)


def steady(_requests):
    return 1.0


def mean_of(found):
    return np.mean([each for each in found if each is not None])


def test_images_of_one_tile_have_the_mean_that_theory_gives():
    """Mean time of M/D/1, first come first served: 1 + load / (2 (1 - load)) services."""
    due = arrivals(0.6, 8_000, seed=1)
    found = simulate(due, 1.0, 1, steady, ONE_BY_ONE)
    assert mean_of(found) == pytest.approx(1.75, rel=0.1)


def test_images_of_many_tiles_have_the_mean_that_theory_gives():
    """Mean time of M/G/1 with processor sharing: 1 / (1 - load) services."""
    due = arrivals(0.6, 4_000, seed=1)
    found = simulate(due, 1.0, 1, steady, SIDE_BY_SIDE)
    assert mean_of(found) == pytest.approx(2.5, rel=0.15)


def test_those_in_one_batch_are_done_together():
    assert simulate([0.0, 0.1, 0.2], 1.0, 1, steady, Shape(batch=4)) == [1.0, 2.9, 2.8]


def test_two_lanes_share_the_machine():
    found = simulate([0.0, 1.0, 1.5], 2.0, 1, steady, Shape(lanes=2))
    assert found == [3.0, 4.0, 4.5]


def test_the_shape_of_an_image_is_that_of_its_tiles():
    assert Shape.of(512, 512) == Shape(1, 1, 2)
    small, large = Shape.of(64, 64), Shape.of(3000, 4000)
    assert small.tiles == 1
    assert small.batch > 1
    assert large.tiles > 1
    assert (large.batch, large.lanes) == (1, 1)


def test_a_lone_request_takes_its_own_time():
    speed = measured({1: 0.5, 16: 1.0})
    assert simulate([1.0, 11.0], 3.0, 1, speed, ONE_BY_ONE) == [6.0, 6.0]


def test_two_together_share_what_is_faster_by_then():
    speed = measured({1: 1.0, 2: 1.5}, scale=2.0)
    assert simulate([0.0, 0.0], 3.0, 1, speed, Shape(lanes=2)) == [2.0, 2.0]


def test_what_would_wait_too_long_is_refused():
    due = arrivals(3.0, 200)
    found = simulate(due, 1.0, 1, steady, ONE_BY_ONE, queue_seconds=5.0)
    answered = sum(each is not None for each in found)
    assert answered == pytest.approx(200, abs=10)
    assert percentile(found, 100) <= 6


def test_the_fewest_replicas_that_are_enough():
    few = replicas_for(4.0, 3.0, 1.0, steady, ONE_BY_ONE)
    assert 5 <= few <= 12
    assert replicas_for(4.0, 1.5, 1.0, steady, ONE_BY_ONE) > few
    with pytest.raises(ValueError, match="alone takes"):
        replicas_for(4.0, 0.5, 1.0, steady, ONE_BY_ONE)


def test_the_cost_of_a_million():
    assert cost_of_a_million(0.3, 8, 0.4, 12.0) == pytest.approx(50.0)
