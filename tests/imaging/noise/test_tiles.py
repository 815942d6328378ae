import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.noise import NoiseKind, add_noise
from app.imaging.noise.tiles import draw, mean_products, tiles

corner = st.integers(0, 150)
length = st.integers(1, 150)


@given(top=corner, left=corner, height=length, width=length)
def test_a_window_shows_what_the_whole_plane_has_there(top, left, height, width):
    whole = draw(5, 0, 0, 300, 300)
    window = draw(5, top, left, height, width)
    np.testing.assert_array_equal(window, whole[top : top + height, left : left + width])


def test_draws_are_normal_and_fresh_everywhere():
    plane = draw(1, 0, 0, 512, 512)
    assert abs(plane.mean()) < 0.01
    assert abs(plane.std() - 1) < 0.01
    blocks = plane.reshape(8, 64, 8, 64).swapaxes(1, 2).reshape(64, -1)
    assert len(np.unique(blocks, axis=0)) == 64
    assert np.abs(np.corrcoef(blocks) - np.eye(64)).max() < 0.1
    assert (draw(2, 0, 0, 8, 8) != plane[:8, :8]).any()


@given(height=st.integers(1, 30), width=st.integers(1, 30), planes=st.sampled_from([1, 3]))
def test_tiles_cover_a_picture_once_and_see_its_border_go_on(height, width, planes):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, planes), np.uint8)
    padded = np.pad(pixels, ((4, 4), (4, 4), (0, 0)), "edge")
    covered = np.zeros((height, width), int)
    for tile in tiles(pixels, halo=4, seed=0, side=8):
        covered[tile.area] += 1
        rows, columns = (slice(each.start, each.stop + 8) for each in tile.area)
        expected = np.moveaxis(padded[rows, columns], -1, 0) / np.float32(255)
        np.testing.assert_array_equal(tile.clean, expected)
        assert tile.normal.shape == tile.clean.shape[1:]
    assert (covered == 1).all()


def test_products_are_means_over_all_fields():
    fields = [np.random.default_rng(n).random((2, 3, 4 + n)).astype(np.float32) for n in range(2)]
    flat = np.concatenate([field.reshape(2, -1) for field in fields], axis=1)
    np.testing.assert_allclose(mean_products(fields), flat @ flat.T / flat.shape[1], rtol=1e-6)


@pytest.mark.parametrize("kind", [NoiseKind.CAMERA, NoiseKind.GRAIN])
def test_a_large_picture_takes_no_more_memory_beyond_its_own(kind):
    def beyond(rows):
        pixels = np.full((rows, 400, 3), 128, np.uint8)
        tracemalloc.start()
        try:
            add_noise(pixels, 0.1, kind=kind, seed=0)
            return tracemalloc.get_traced_memory()[1] - pixels.nbytes
        finally:
            tracemalloc.stop()

    small, large = beyond(384), beyond(4 * 384)
    assert large < 1.3 * small
    assert large < 40e6
