import pytest

from training.experiment import Schedule
from training.schedule import Trapezoid


def rates(steps=100, **changes):
    rate = Trapezoid(Schedule(**{"learning_rate": 0.5, "steps": steps} | changes))
    return [float(rate(step)) for step in range(steps)]


def test_it_rises_stays_and_falls():
    course = rates(warmup=0.1, decay=0.4)
    assert course[:10] == pytest.approx([0.05 * (step + 1) for step in range(10)])
    assert course[10:61] == pytest.approx([0.5] * 51)
    assert course[80] == pytest.approx(0.25)
    assert course[61:] == sorted(course[61:], reverse=True)
    assert 0 < course[-1] < 0.001


def test_without_warm_up_and_decay_it_is_constant():
    assert rates(warmup=0, decay=0) == pytest.approx([0.5] * 100)


def test_a_prolonged_run_begins_the_same():
    assert rates(steps=200, warmup=0, decay=0.4)[:60] == pytest.approx(rates(warmup=0)[:60])
