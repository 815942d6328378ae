"""What was removed, as a picture."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging import codec
from app.imaging.picture import Change, Format, Picture, UnsuitableFormat
from app.imaging.removed import REACH, shown
from app.imaging.stack import Stack
from tests.fidelity.files import DEEP, nifti


def picture(pixels, **more):
    return Picture(pixels[..., None] if pixels.ndim == 2 else pixels, **more)


def test_the_image_is_the_result_itself():
    result = picture(DEEP[..., 0])
    assert shown(picture(DEEP[..., 1]), result, "image") is result


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "f4", "f8"])
def test_the_residual_is_the_original_less_the_result(dtype):
    before = np.array([[9, 7], [100, 4]], dtype)
    after = np.array([[7, 9], [90, 4]], dtype)
    found = shown(picture(before), picture(after), "residual")
    assert found.pixels.dtype == np.float32
    np.testing.assert_array_equal(found.pixels[..., 0], [[2, -2], [10, 0]])
    assert (found.format, found.changes) == (Format.TIFF, frozenset({Change.DEPTH}))


def test_small_differences_of_large_integers_are_kept():
    before = np.full((1, 1), 4_000_000_001, "u4")
    found = shown(picture(before), picture(before - 3), "residual")
    assert found.pixels.item() == 3


def test_where_there_was_no_number_nothing_was_removed():
    before = np.array([[np.nan, np.inf, 2]], "f4")
    after = np.array([[np.nan, np.inf, 1]], "f4")
    found = shown(picture(before), picture(after), "residual")
    np.testing.assert_array_equal(found.pixels[..., 0], [[0, 0, 1]])


@given(height=st.integers(1, 40), width=st.integers(1, 40), channels=st.sampled_from([1, 3]))
def test_the_sigma_map_is_the_deviation_around_each_pixel(height, width, channels):
    random = np.random.default_rng(height * width)
    before = random.normal(0, 5, (height, width, channels)).astype("f4")
    found = shown(Picture(before), Picture(np.zeros_like(before)), "sigma-map").pixels
    for row, column in ((0, 0), (height - 1, width // 2), (height // 2, width - 1)):
        top, left = max(0, row - REACH), max(0, column - REACH)
        around = before[top : row + REACH + 1, left : column + REACH + 1]
        expected = np.sqrt(np.square(around, dtype="f8").mean(axis=(0, 1)))
        np.testing.assert_allclose(found[row, column], expected, rtol=1e-5)


def test_slices_have_maps_of_their_own():
    before = np.concatenate([np.zeros((5, 6, 1), "f4"), np.ones((5, 6, 1), "f4")])
    original = Picture(before, stack=Stack(2))
    found = shown(original, replace(original, pixels=np.zeros_like(before)), "sigma-map")
    np.testing.assert_allclose(found.pixels, before)


def test_the_residual_of_a_nifti_lies_where_that_does():
    data = nifti(DEEP[..., 0].view("i2")[None])
    original = codec.decode(data, max_pixels=1000)
    result = replace(original, pixels=original.pixels // 2)
    encoded = codec.encode(shown(original, result, "residual"))
    assert encoded.format == Format.NIFTI
    found = codec.decode(encoded.data, max_pixels=1000)
    np.testing.assert_array_equal(found.pixels, original.pixels - result.pixels.astype("f4"))
    before, again = original.metadata.native[0], found.metadata.native[0]
    moved = {place for place, (a, b) in enumerate(zip(before, again, strict=True)) if a != b}
    assert moved <= {*range(70, 74), *range(116, 120), *range(124, 132)}
    with pytest.raises(UnsuitableFormat):
        codec.encode(shown(original, result, "residual"), Format.PNG)
