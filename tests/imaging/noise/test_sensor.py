import numpy as np
import pytest

from app.imaging.noise.mosaic import mosaic
from app.imaging.noise.sensor import (
    Sensor,
    developed,
    draw_sensor,
    read_variance,
    residual,
    undeveloped,
)

PLAIN = Sensor(np.eye(3), (1.0, 1.0, 1.0), shot=0.001, read=1e-5, tone=False)


def flat(level, side=100):
    return np.full((3, side, side), level, np.float32)


def normal(side=100, seed=0):
    return np.random.default_rng(seed).standard_normal((side, side)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("level", [0.02, 0.3, 0.7])
def test_what_is_undeveloped_and_developed_again_is_the_same(seed, level):
    sensor = draw_sensor(0.001, np.random.default_rng(seed))
    light = undeveloped(flat(level, 12), sensor)
    assert light.min() >= 0
    assert light.max() <= 1
    np.testing.assert_allclose(developed(mosaic(light), sensor), flat(level, 8), atol=1e-4)


def test_highlights_are_spared_by_the_white_balance():
    sensor = draw_sensor(0.001, np.random.default_rng(0))
    np.testing.assert_allclose(undeveloped(flat(1.0, 4), sensor), 1.0, atol=1e-4)


def test_noise_is_of_the_variance_that_light_and_darkness_make():
    """At a measured pixel, and through the slope of the power 1 / 2.2."""
    noise = residual(flat(0.5, 400), PLAIN, normal(400))[1, ::2, 1::2]
    light = 0.5**2.2
    slope = light ** (1 / 2.2 - 1) / 2.2
    expected = slope * np.sqrt(PLAIN.shot * light + PLAIN.read)
    assert noise.std() == pytest.approx(expected, rel=0.03)
    assert abs(noise.mean()) < 0.1 * expected


def test_without_noise_there_is_no_residual():
    clean = np.random.default_rng(1).random((3, 9, 12)).astype(np.float32)
    sensor = draw_sensor(0.01, np.random.default_rng(1))
    assert (residual(clean, sensor, np.zeros((9, 12), np.float32)) == 0).all()


def test_a_clipped_sensor_has_no_noise_above_white():
    noise = residual(flat(1.0), PLAIN, normal())
    assert noise.max() <= 0
    assert noise.min() < 0


def test_a_darker_sensor_reads_with_less_noise():
    assert read_variance(0.001) < read_variance(0.01)
    assert read_variance(0.01) == pytest.approx(np.exp(2.18 * np.log(0.01) + 1.2))


def test_cameras_keep_grey_grey_and_differ():
    one, other = (draw_sensor(0.001, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_allclose(one.matrix.sum(axis=1), 1)
    assert (one.matrix != other.matrix).any()
    assert one.gains != other.gains
