import numpy as np
import pytest

from app.imaging.noise.mosaic import demosaic, mosaic

PLANES = np.random.default_rng(0).random((3, 12, 14)).astype(np.float32)


def test_each_pixel_of_the_mosaic_sees_one_colour():
    raw = mosaic(PLANES)
    np.testing.assert_array_equal(raw[::2, ::2], PLANES[0, ::2, ::2])
    np.testing.assert_array_equal(raw[::2, 1::2], PLANES[1, ::2, 1::2])
    np.testing.assert_array_equal(raw[1::2, ::2], PLANES[1, 1::2, ::2])
    np.testing.assert_array_equal(raw[1::2, 1::2], PLANES[2, 1::2, 1::2])


@pytest.mark.parametrize("shape", [(5, 5), (6, 9), (11, 8)])
def test_smooth_grey_gradients_are_unchanged(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    grey = 0.1 + 0.02 * rows + 0.03 * columns
    developed = demosaic(mosaic(np.stack([grey] * 3)))
    assert developed.shape == (3, shape[0] - 4, shape[1] - 4)
    np.testing.assert_allclose(developed, np.stack([grey[2:-2, 2:-2]] * 3), atol=1e-6)


def test_what_was_measured_is_kept():
    raw = mosaic(PLANES)
    np.testing.assert_array_equal(mosaic(demosaic(raw)), raw[2:-2, 2:-2])


def lit(row, column):
    """Red, green and blue of 5 x 5 pixels around one that is lit, its neighbours being dark."""
    raw = np.zeros((15, 15), np.float32)
    raw[row, column] = 8.0
    return demosaic(raw)[:, row - 4 : row + 1, column - 4 : column + 1]


def test_a_lit_pixel_spreads_as_the_published_filters_say():
    red, green, blue = lit(6, 6)  # red is measured here
    assert (red[2, 2], green[2, 2], blue[2, 2]) == (8, 4, 6)
    assert (red[2, 1], red[1, 2], red[1, 1]) == (4, 4, 2)
    assert (green[2, 0], green[0, 2], green[1, 1]) == (-1, -1, 0)
    assert (blue[2, 0], blue[0, 2], blue[1, 1]) == (-1.5, -1.5, 0)

    red, green, blue = lit(6, 7)  # green, beside red
    assert (red[2, 2], green[2, 2], blue[2, 2]) == (5, 8, 5)
    assert (green[2, 1], green[1, 2]) == (2, 2)
    assert (red[2, 0], red[0, 2], red[1, 1]) == (-1, 0.5, -1)
    assert (blue[2, 0], blue[0, 2], blue[1, 1]) == (0.5, -1, -1)
