import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.flat import flat_area


def noise(height, width, channels=3, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 250, (height, width, channels)).astype(dtype)


def found(pixels):
    area = flat_area(pixels)
    return np.zeros(pixels.shape[:2], np.bool_) if area is None else area


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_flat_area_is_found_and_nothing_else(channels, dtype):
    pixels = noise(96, 131, channels, dtype)
    pixels[16:72, 24:80] = 7
    area = np.zeros((96, 131), np.bool_)
    area[16:72, 24:80] = True
    np.testing.assert_array_equal(flat_area(pixels), area)


def test_two_flat_areas_meet_at_a_step():
    pixels = np.full((64, 80, 1), 9, np.uint8)
    pixels[:, 40:] = 10
    assert found(pixels).all()


def test_blocks_of_a_jpeg_are_no_flat_areas():
    blocks = np.arange(30, dtype=np.uint8).reshape(5, 6, 1)
    assert flat_area(blocks.repeat(8, axis=0).repeat(8, axis=1)) is None


def test_a_flat_area_reaches_to_its_edges_wherever_it_lies():
    pixels = noise(200, 131)
    pixels[17:77, 41:91] = 7
    pixels[150:, :] = 9
    pixels[100:103, 20:60] = 5  # too thin
    area = np.zeros((200, 131), np.bool_)
    area[17:77, 41:91] = area[150:] = True
    np.testing.assert_array_equal(flat_area(pixels), area)
    assert flat_area(noise(200, 131)) is None


@given(st.integers(1, 40), st.integers(1, 40))
def test_flat_pictures_of_all_sizes_are_flat_to_their_borders(height, width):
    area = found(np.full((height, width, 3), 3, np.uint8))
    assert area.all() if min(height, width) >= 8 else not area.any()


@given(st.integers(0, 2**32 - 1), st.integers(8, 60), st.integers(8, 60))
def test_a_flat_pixel_has_neighbours_like_it(seed, height, width):
    """A square around it, of three cells a side or as much as the image has of that."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 1), np.uint8)
    pixels[random.random(pixels.shape) < random.choice((0.0, 0.002, 0.01))] = 1
    rows, columns = found(pixels).nonzero()
    for y, x in zip(rows[::7], columns[::7], strict=True):
        squares = (
            pixels[max(0, top) : top + 24, max(0, left) : left + 24]
            for top in range(max(-8, y - 23), min(y, height - 16) + 1)
            for left in range(max(-8, x - 23), min(x, width - 16) + 1)
        )
        assert any((square == pixels[y, x]).all() for square in squares)
