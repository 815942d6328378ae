import numpy as np
import pytest

from app.imaging.no_data import no_data


def counts(dtype, low=100, high=3000):
    return np.random.default_rng(0).uniform(low, high, (60, 70, 1)).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "number"),
    [
        ("f4", -9999),
        ("f4", np.finfo("f4").min),
        ("f8", np.finfo("f8").max),
        ("f2", -60_000),
        ("i2", -32_768),
        ("u2", 65_535),
        ("i4", -(2**31)),
    ],
)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_number_far_from_the_others_that_recurs_holds_no_data(dtype, number, share):
    pixels = counts(dtype)
    without = np.random.default_rng(1).random(pixels.shape) < share
    pixels[without] = number
    np.testing.assert_array_equal(no_data(pixels, None), without)


def test_several_numbers_hold_no_data_beside_what_is_no_number():
    pixels = counts("f4")
    pixels[:9], pixels[9:20], pixels[20:24] = -9999, -np.inf, 1e30
    hidden = ~np.isfinite(pixels)
    found = no_data(pixels, hidden)
    assert found[:9].all()
    assert found[20:24].all()
    assert not found[9:20].any()
    assert not found[24:].any()


def test_what_is_hidden_already_has_no_bearing():
    pixels = counts("i2")
    pixels[:9] = -9999
    hidden = np.zeros((60, 70, 1), np.bool_)
    hidden[:9] = True
    assert not no_data(pixels, hidden).any()


def test_outliers_stars_and_dark_backgrounds_are_data():
    hot = counts("u2")
    hot[3, :4] = 65_535
    stars = counts("u2", 0, 90_000 - 24_465)
    stars[stars > 60_000] = 65_535
    dark = counts("u2", 0, 3000)
    dark[:30] = 0
    drawn = np.full((20, 20, 3), 20_000, "u2")
    drawn[:9] = 42_000
    for pixels in (hot, stars, dark, drawn, np.full((20, 20, 3), 7, "u2")):
        assert not no_data(pixels, None).any()
