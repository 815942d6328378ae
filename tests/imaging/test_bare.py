import numpy as np
import pytest

from app.imaging.bare import BLOCK, find_bare, grained
from app.imaging.flat import flat_area
from app.imaging.range import Range
from app.imaging.scale import white

NOISE = 0.05


def noisy(dtype=np.uint8, channels=3):
    """A gradient with noise, in a margin of black that is not a multiple of anything."""
    random = np.random.default_rng(0)
    shade = np.linspace(0.3, 0.7, 150)[:, None, None] + random.normal(
        0, NOISE, (150, 170, channels)
    )
    pixels = np.zeros((201, 233, channels), dtype)
    pixels[27:177, 30:200] = (shade * white(np.dtype(dtype))).astype(dtype)
    return pixels


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, 3), (np.uint16, 1), (np.float32, 3)])
def test_a_margin_gets_much_of_the_images_own_noise_and_nothing_else_changes(dtype, channels):
    pixels = noisy(dtype, channels)
    bare = find_bare(pixels, flat_area(pixels), None)
    assert bare is not None
    margin = np.ones(pixels.shape[:2], np.bool_)
    margin[27:177, 30:200] = False
    np.testing.assert_array_equal(bare.area, margin)
    top = white(np.dtype(dtype))
    found = grained(pixels, bare, Range(-top, top))
    np.testing.assert_array_equal(found[~margin], pixels[~margin])
    if dtype is np.float32:
        assert 0.4 * NOISE < found[margin].std() < 0.8 * NOISE
    within = grained(pixels, bare, Range(0, top))
    assert within[margin].min() == 0
    assert within[margin].max() > 0.5 * NOISE * top


def test_the_noise_of_hidden_pixels_does_not_depend_on_their_values():
    pixels = np.random.default_rng(0).integers(90, 110, (96, 96, 3)).astype(np.uint8)
    hidden = np.zeros((96, 96, 1), np.bool_)
    hidden[:50, 48:] = True
    found = []
    for below in (20, 200):
        pixels[:50, 48:] = below
        bare = find_bare(pixels, flat_area(pixels), hidden)
        assert bare is not None
        found.append(grained(pixels, bare, Range(0, 255))[:50, 48:] - np.int16(below))
    np.testing.assert_array_equal(found[0], found[1])
    assert found[0].std() > 2


@pytest.mark.parametrize("side", [BLOCK - 1, 96])
def test_without_noise_or_room_for_it_nothing_is_bare(side):
    drawn = np.full((side, side, 1), 255, np.uint8)
    drawn[side // 2 :: 9, 3 : side // 2] = 0
    gradient = np.arange(side, dtype=np.uint8)[:, None, None].repeat(side, 1)
    everywhere = np.random.default_rng(0).integers(0, 255, (side, side, 1)).astype(np.uint8)
    for pixels in (drawn, gradient, everywhere):
        assert find_bare(pixels, flat_area(pixels), None) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_whose_squares_overflow_get_no_noise(sign):
    pixels = noisy(np.float64)
    flat = flat_area(pixels)
    assert find_bare(sign * 1e90 * pixels, flat, None) is not None
    assert find_bare(sign * 1e200 * pixels, flat, None) is None
