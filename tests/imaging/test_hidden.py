import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.hidden import filled, hidden, with_data


def picture(height, width, channels=3, dtype=np.uint8):
    random = np.random.default_rng(0)
    return random.uniform(50, 100, (height, width, channels)).astype(dtype)


def test_an_opaque_and_finite_picture_hides_nothing():
    assert hidden(picture(4, 5), None) is None
    assert hidden(picture(4, 5), np.ones((4, 5), np.uint8)) is None
    assert hidden(picture(4, 5, dtype=np.float32), None) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_pixels_that_consist_of_the_number_for_no_data_are_hidden(dtype):
    pixels = picture(4, 5, dtype=dtype)
    pixels[:2], pixels[3, 3, 0] = 70, 70
    mask = hidden(pixels, None, 70.0)
    assert mask is not None
    np.testing.assert_array_equal(mask[..., 0], np.indices((4, 5))[0] < 2)
    assert hidden(pixels, None, 7.0) is None


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_may_be_hidden_for_several_reasons(channels):
    pixels, alpha = picture(4, 5, channels, np.float32), np.ones((4, 5), np.float32)
    pixels[0], pixels[1, :, -1], alpha[2] = 7, np.nan, 0
    mask = hidden(pixels, alpha, 7.0)
    assert mask is not None
    np.testing.assert_array_equal(mask[..., -1], np.indices((4, 5))[0] < 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_what_becomes_the_number_for_no_data_gets_the_next(dtype):
    before = picture(4, 5, dtype=dtype)
    after = before.copy()
    ends = np.finfo(dtype) if np.issubdtype(dtype, np.floating) else np.iinfo(dtype)
    for stated in (0, 7, float(ends.min), float(ends.max)):
        before[0] = after[0] = after[1] = after[2, :, 0] = stated
        found = with_data(before, after, stated)
        np.testing.assert_array_equal(found[[0, 2, 3]], after[[0, 2, 3]], strict=True)
        assert (found[1] != dtype(stated)).all()
        np.testing.assert_allclose(found[1].astype(float), stated, rtol=1e-5, atol=1)
        assert with_data(before, before, stated) is before


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.floats(0, 1),
    st.sampled_from([np.uint8, np.uint16, np.int32, np.float32]),
    st.integers(0, 2**32),
)
def test_what_is_hidden_has_no_bearing_and_what_is_seen_stays(height, width, share, dtype, seed):
    random = np.random.default_rng(seed)
    pixels = picture(height, width, dtype=dtype)
    mask = hidden(pixels, (random.random((height, width)) > share).astype(dtype))
    if mask is None:
        return
    other = np.where(mask, np.array(7, dtype), pixels)
    found = filled(pixels, mask)
    np.testing.assert_array_equal(found, filled(other, mask))
    seen = ~np.broadcast_to(mask, pixels.shape)
    np.testing.assert_array_equal(found[seen], pixels[seen])
    if seen.any():
        assert found.min() >= pixels[seen].min()
        assert found.max() <= pixels[seen].max()
    else:
        assert not found.any()


def test_holes_take_the_level_of_their_surroundings():
    pixels = np.zeros((64, 64, 1), np.uint16)
    pixels[:, 32:] = 50_000
    alpha = np.full((64, 64), 65_535, np.uint16)
    alpha[8:56, 2:20] = alpha[8:56, 44:62] = 0
    mask = hidden(pixels, alpha)
    assert mask is not None
    found = filled(pixels, mask)
    assert found[:, :20].max() < 5_000
    assert found[:, 44:].min() > 45_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_hidden_in_their_channel_only(value):
    pixels = np.full((9, 9, 3), 3e38, np.float32)
    pixels[4, 4, 1] = value
    mask = hidden(pixels, None)
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[4, 4, 1]]
    np.testing.assert_allclose(filled(pixels, mask), 3e38, rtol=1e-6)
