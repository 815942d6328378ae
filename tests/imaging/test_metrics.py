import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from app.imaging.metrics import comparable, psnr, rmse, ssim
from app.imaging.noise import add_noise

RANDOM = np.random.default_rng(0)
WAVES = 127 + 100 * np.sin(np.arange(300)[:, None, None] / 9) * np.cos(
    np.arange(70)[None, :, None] / 5
)
PICTURE = np.repeat(WAVES, 3, axis=-1).astype(np.uint8)


def test_known_values():
    black, grey = np.zeros((4, 4, 1), np.uint8), np.full((4, 4, 1), 51, np.uint8)
    assert rmse(black, grey) == pytest.approx(0.2)
    assert psnr(black, grey) == pytest.approx(-20 * math.log10(0.2))
    assert ssim(black, grey) == pytest.approx(1e-4 / (0.04 + 1e-4), rel=1e-3)


def test_equal_pictures():
    assert rmse(PICTURE, PICTURE) == 0
    assert psnr(PICTURE, PICTURE) == math.inf
    assert ssim(PICTURE, PICTURE) == pytest.approx(1.0)


def test_depths_may_differ():
    deep = PICTURE.astype(np.uint16) * 257
    assert rmse(PICTURE, deep) < 1e-7
    assert rmse(PICTURE, (PICTURE / 255).astype(np.float32)) < 1e-7


def test_what_is_measured_is_on_one_scale_in_rows_of_the_short_side():
    grey = PICTURE[..., :1]
    counts = np.where(grey == grey.max(), np.nan, grey.astype(np.float64) * 10)
    a, b = comparable(counts.swapaxes(0, 1), PICTURE.swapaxes(0, 1).astype(np.float64) * 10)
    assert a.shape == b.shape == PICTURE.shape
    assert 0 <= a.min() < a.max() <= 1
    assert rmse(a[counts[..., 0] > 0], b[counts[..., 0] > 0]) == 0
    same, _ = comparable(grey, PICTURE)
    assert np.array_equal(same, PICTURE)


@pytest.mark.parametrize("factor", [0.02, 0.1, 0.4])
def test_ssim_is_that_of_wang_et_al(factor):
    noisy = add_noise(PICTURE, factor, seed=0)
    expected = structural_similarity(
        PICTURE,
        noisy,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert ssim(PICTURE, noisy) == pytest.approx(expected, abs=1e-4)


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3]))
def test_any_size_has_a_similarity_of_at_most_one(height, width, channels):
    a, b = RANDOM.integers(0, 256, (2, height, width, channels)).astype(np.uint8)
    assert -1 <= ssim(a, b) <= 1
    assert ssim(a, a) == pytest.approx(1.0)
    assert rmse(a, b) == rmse(b, a)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@given(st.data())
def test_flat_pictures_differ_in_luminance_alone(dtype, data):
    values = data.draw(st.tuples(*[st.integers(0, np.iinfo(dtype).max)] * 2))
    a, b = (np.full((12, 12, 1), value, dtype) for value in values)
    x, y = (value / np.iinfo(dtype).max for value in values)
    expected = (2 * x * y + 1e-4) / (x * x + y * y + 1e-4)
    assert ssim(a, b) == pytest.approx(expected, abs=1e-6)
    assert ssim(a, b) <= 1


@pytest.mark.parametrize("metric", [rmse, psnr, ssim])
def test_shapes_must_agree(metric):
    with pytest.raises(ValueError, match="differ in shape"):
        metric(PICTURE, PICTURE[:-1])
