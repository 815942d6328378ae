import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.flat import flat_area, flat_cells, kept


def noise(height, width, channels=3, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 250, (height, width, channels)).astype(dtype)


def settled(pixels):
    """Which pixels are kept."""
    moved, cells = np.full_like(pixels, 255), flat_cells(pixels)
    result = moved if cells is None else kept(pixels, moved, cells)
    assert (moved == 255).all()
    return (result != 255).any(axis=-1)


def test_noise_has_no_flat_cells():
    assert flat_cells(noise(200, 300)) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_inside_of_a_flat_area_is_kept_and_nothing_else(channels, dtype):
    pixels = noise(96, 131, channels, dtype)
    pixels[16:72, 24:80] = 7
    mask = settled(pixels)
    assert mask[24:64, 32:72].all()
    mask[24:64, 32:72] = False
    assert not mask.any()


def test_a_step_between_two_flat_areas_is_left_to_the_network():
    pixels = np.full((64, 80, 1), 9, np.uint8)
    pixels[:, 40:] = 10
    mask = settled(pixels)
    assert mask[:, :32].all()
    assert mask[:, 48:].all()
    assert not mask[:, 32:48].any()


def test_blocks_of_a_jpeg_are_no_flat_areas():
    blocks = np.arange(30, dtype=np.uint8).reshape(5, 6, 1)
    assert flat_cells(blocks.repeat(8, axis=0).repeat(8, axis=1)) is None


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
def test_flat_pictures_of_all_sizes_are_kept_to_their_borders(height, width):
    mask = settled(np.full((height, width, 3), 3, np.uint8))
    assert mask.all() if min(height, width) >= 8 else not mask.any()


@given(st.integers(0, 2**32 - 1), st.integers(8, 60), st.integers(8, 60))
def test_what_is_kept_has_equal_neighbours(seed, height, width):
    random = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 1), np.uint8)
    pixels[random.random(pixels.shape) < random.choice((0.0, 0.002, 0.01))] = 1
    rows, columns = settled(pixels).nonzero()
    for y, x in zip(rows[::7], columns[::7], strict=True):
        guard = 8 if y < height - 16 and x < width - 16 else 1
        area = pixels[max(0, y - guard) : y + guard + 1, max(0, x - guard) : x + guard + 1]
        assert (area == pixels[y, x]).all()
