import numpy as np
import pytest

from app.imaging.noise.filters import COLUMNS, ROWS, blur, box, gaussian, inner, reach, symmetric

PLANES = np.random.default_rng(0).random((2, 20, 23)).astype(np.float32)


@pytest.mark.parametrize("axis", [ROWS, COLUMNS])
def test_a_symmetric_filter_is_a_convolution_without_the_borders(axis):
    taps = (0.1, -0.3, 0.5, -0.3, 0.1)
    expected = np.apply_along_axis(np.convolve, axis, PLANES, taps, mode="valid")
    np.testing.assert_allclose(symmetric(PLANES, taps, axis), expected, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.5])
def test_a_blur_keeps_the_mean_and_takes_from_white_noise_what_theory_says(sigma):
    taps = gaussian(sigma)
    assert sum(taps) == pytest.approx(1)
    assert len(taps) == 2 * reach(sigma) + 1
    white = np.random.default_rng(1).standard_normal((400, 400)).astype(np.float32)
    blurred = blur(white, sigma)
    assert blurred.shape == inner(white, reach(sigma)).shape
    assert blurred.std() == pytest.approx(1 / (2 * sigma * np.sqrt(np.pi)), rel=0.06)


def test_a_box_is_a_mean():
    means = symmetric(PLANES, box(3), ROWS)
    np.testing.assert_allclose(means[:, 0], PLANES[:, :3].mean(axis=1), rtol=1e-6)
