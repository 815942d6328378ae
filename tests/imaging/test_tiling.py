import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.imaging.tiling import SIDES, cost, cut, most_within, plan, stitch

sizes = st.integers(1, 3000)


@given(sizes, sizes, st.sampled_from([0, 16, 48]), st.sampled_from([1, 4, 8]))
@settings(max_examples=60)
def test_cores_cover_every_pixel_once_and_halos_are_kept(height, width, halo, stride):
    tiles = plan(height, width, halo=halo, stride=stride)
    covered = np.zeros((height, width), np.uint8)
    for tile in tiles:
        assert tile.shape == tiles[0].shape
        covered[tile.rows.core, tile.columns.core] += 1
        for span, size in ((tile.rows, height), (tile.columns, width)):
            assert span.start % stride == 0
            assert span.core_start == 0 or span.core_start - span.start >= halo
            assert span.core_stop == size or span.start + span.length - span.core_stop >= halo
            assert 0 <= span.core_in_tile.start < span.core_in_tile.stop <= span.length
    assert (covered == 1).all()


@given(
    st.integers(1, 400),
    st.integers(1, 400),
    st.sampled_from([1, 3]),
    st.sampled_from([(64,), SIDES]),
)
@settings(max_examples=60)
def test_cut_and_stitch_give_the_picture_back(height, width, channels, sides):
    pixels = np.random.default_rng(0).integers(0, 65536, (height, width, channels))
    pixels = pixels.astype(np.uint16)
    result = np.zeros_like(pixels)
    tiles = plan(height, width, halo=16, stride=8, sides=sides)
    spans = tiles[-1].rows, tiles[-1].columns
    beyond = [
        (0, max(0, span.start + span.length - size))
        for span, size in zip(spans, (height, width), strict=True)
    ]
    reflected = np.pad(pixels, [*beyond, (0, 0)], mode="reflect")
    for tile in tiles:
        values = cut(pixels, tile)
        rows, columns = tile.rows, tile.columns
        expected = reflected[rows.start :, columns.start :][: rows.length, : columns.length]
        np.testing.assert_array_equal(values, expected)
        stitch(result, tile, values)
    np.testing.assert_array_equal(result, pixels)


def test_beyond_the_edge_there_is_the_reflection():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    (tile,) = plan(2, 3, halo=0, stride=1, sides=(5,))
    assert cut(pixels, tile)[:, :, 0].tolist() == [
        [0, 1, 2, 1, 0],
        [3, 4, 5, 4, 3],
        [0, 1, 2, 1, 0],
        [3, 4, 5, 4, 3],
        [0, 1, 2, 1, 0],
    ]


def test_a_tile_inside_is_a_view_and_costs_no_copy():
    pixels = np.zeros((256, 256, 3), np.uint8)
    (tile,) = plan(256, 256, halo=48, stride=8)
    assert np.shares_memory(cut(pixels, tile), pixels)


@pytest.mark.parametrize(
    ("size", "most"),
    [
        ((256, 256), 1.0),
        ((257, 257), 1.6),
        ((1600, 1200), 1.02),
        ((3000, 4000), 1.06),
        ((4000, 3000), 1.09),  # in wide tiles 1.06, which take longer
    ],
)
def test_common_sizes_cost_little_more_than_their_pixels(size, most):
    assert cost(plan(*size, halo=48, stride=8)) <= most * size[0] * size[1]


@pytest.mark.parametrize("size", [(3000, 4000), (4000, 3000), (4096, 4096)])
def test_tiles_of_large_images_are_taller_than_wide(size):
    height, width = plan(*size, halo=72, stride=8)[0].shape
    assert width < height


def test_sides_too_short_for_the_halo_are_passed_over():
    tiles = plan(2000, 2000, halo=200, stride=8)
    assert min(tiles[0].shape) > 400


@pytest.mark.parametrize("size", [(1, 65_500), (65_500, 1), (4, 20_000), (16, 16_000), (20, 9_000)])
def test_thin_images_have_thin_tiles(size):
    tiles = plan(*size, halo=72, stride=8)
    wanted = {1: 8, 4: 8, 16: 16, 20: 32}[min(size)]
    assert min(tiles[0].shape) == wanted
    assert cost(tiles) <= 1.1 * wanted * max(size)


@pytest.mark.parametrize(
    ("size", "shape"), [((4, 4), (8, 8)), ((5, 4), (16, 8)), ((40, 3), (64, 8))]
)
def test_the_thinnest_tiles_are_for_half_as_many_pixels(size, shape):
    assert plan(*size, halo=72, stride=8)[0].shape == shape


@given(st.floats(0, 1e7), st.integers(0, 400), st.sampled_from([1, 4, 8, 64]))
def test_tiles_are_within_the_pixels_unless_the_halo_needs_more(pixels, halo, stride):
    most = most_within(pixels, halo=halo)
    assert most <= max(pixels, (4 * halo + 128) ** 2)
    for size in ((3000, 3000), (8, 9000), (6000, 100)):
        tiles = plan(*size, halo=halo, stride=stride, most=most)
        assert tiles[0].size <= most
