import numpy as np
import pytest

from app.imaging.noise.filters import blur, inner, reach
from app.imaging.noise.smoothing import REACH, SHARPENING_BLUR, Smoothing, smoothed

WHITE = np.random.default_rng(0).standard_normal((3, 200, 200)).astype(np.float32)
AS_IS = (1.0, 0.0, 0.0, 0.0)


def test_nothing_smoothed_is_the_same_without_the_borders():
    np.testing.assert_array_equal(smoothed(WHITE, Smoothing(AS_IS, AS_IS)), inner(WHITE, REACH))


@pytest.mark.parametrize(
    ("mix", "sigma"), [((0.0, 1.0, 0.0, 0.0), 0.7), ((0.0, 0.0, 1.0, 0.0), 1.3)]
)
def test_luma_is_blurred_apart_from_chroma(mix, sigma):
    y, *chroma = smoothed(WHITE, Smoothing(mix, AS_IS))
    np.testing.assert_allclose(y, inner(blur(WHITE[0], sigma), REACH - reach(sigma)), atol=1e-6)
    np.testing.assert_array_equal(chroma, inner(WHITE[1:], REACH))


def test_a_mean_along_rows_leaves_columns_uncorrelated(correlation):
    along = (0.0, 0.0, 0.0, 1.0)
    y, cb, _ = smoothed(WHITE, Smoothing(along, along))
    assert correlation(y, 0, 1) == pytest.approx(2 / 3, abs=0.03)
    assert correlation(cb, 0, 1) == pytest.approx(4 / 5, abs=0.03)
    assert abs(correlation(y, 1, 0)) < 0.03


def test_sharpening_makes_luma_stronger_and_leaves_chroma_alone():
    plain = smoothed(WHITE, Smoothing(AS_IS, AS_IS))
    sharp = smoothed(WHITE, Smoothing(AS_IS, AS_IS, sharpening=0.5))
    blurred = inner(blur(WHITE[0], SHARPENING_BLUR), REACH - reach(SHARPENING_BLUR))
    np.testing.assert_allclose(sharp[0], plain[0] + 0.5 * (plain[0] - blurred), atol=1e-6)
    np.testing.assert_array_equal(sharp[1:], plain[1:])


def test_luma_alone_is_smoothed_as_beside_chroma():
    smoothing = Smoothing((0.1, 0.4, 0.2, 0.3), AS_IS, sharpening=0.2)
    np.testing.assert_array_equal(smoothed(WHITE[:1], smoothing), smoothed(WHITE, smoothing)[:1])
