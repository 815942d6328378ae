import numpy as np
import pytest

from app.imaging.noise import NoiseKind, add_noise


def noise_of(clean, factor=0.04, seed=0):
    return add_noise(clean, factor, kind=NoiseKind.GRAIN, seed=seed) - clean


@pytest.mark.parametrize("planes", [1, 3])
def test_the_factor_is_the_overall_deviation(ramp, planes):
    noise = noise_of(ramp[..., :planes])
    assert np.sqrt((noise**2).mean()) == pytest.approx(0.04, rel=0.02)
    assert abs(noise.mean()) < 0.002


def test_grain_is_the_same_in_all_channels(ramp):
    assert np.ptp(noise_of(ramp, 0.01), axis=-1).max() < 1e-6


def test_grain_is_as_coarse_as_a_blur_of_one_pixel(ramp, correlation):
    noise = noise_of(ramp)[..., 0]
    for step in ((0, 1), (1, 0)):
        assert correlation(noise, *step) == pytest.approx(np.exp(-1 / 4), abs=0.04)
    assert abs(correlation(noise, 0, 4)) < 0.06


def test_grain_is_strongest_at_mid_grey_as_the_formula_says():
    levels = np.array([0.1, 0.25, 0.5, 0.75, 0.9], np.float32)
    steps = np.broadcast_to(np.repeat(levels, 200)[None, :, None], (400, 1000, 1))
    noise = noise_of(steps, 0.02).reshape(400, 5, 200)
    deviation = noise[:, :, 20:-20].std(axis=(0, 2))
    expected = 2 * np.sqrt(levels * (1 - levels))
    np.testing.assert_allclose(deviation / deviation[2], expected, rtol=0.04)


@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_have_no_grain(level):
    pixels = np.full((9, 7, 3), level, np.uint8)
    noisy = add_noise(pixels, 0.5, kind=NoiseKind.GRAIN, seed=0)
    np.testing.assert_array_equal(noisy, pixels)


def test_a_dot_on_black_is_not_covered_by_the_grain_of_all():
    pixels = np.zeros((200, 200, 1), np.float32)
    pixels[90:110, 90:110] = 0.5
    noise = noise_of(pixels, 0.01)
    assert noise[90:110, 90:110].std() == pytest.approx(0.1, rel=0.15)
