import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.blend import FULL, Strength, blend
from app.imaging.scale import from_unit, precise, to_type, to_unit

YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""RGB to full-range YCbCr, as JFIF has it."""

SHARES = st.floats(0, 1, width=32)
TYPES = st.sampled_from([np.uint8, np.uint16, np.float32])


def pair(dtype, height=9, width=7, channels=3, low=0.0, high=1.0):
    random = np.random.default_rng(1)
    return (
        from_unit(random.uniform(low, high, (height, width, channels)), np.dtype(dtype))
        for _ in range(2)
    )


@given(SHARES, TYPES, st.sampled_from([1, 3]))
def test_equal_shares_give_what_one_strength_gives_to_the_bit(share, dtype, channels):
    x, y = pair(dtype, channels=channels)
    kind = precise(x.dtype)
    a, b = x.astype(kind), y.astype(kind)
    plain = to_type(a + share * (b - a), x.dtype) if share < 1 else y
    np.testing.assert_array_equal(blend(x, y, Strength(share, share)), plain)


@given(SHARES, SHARES, TYPES)
def test_luma_moves_by_one_share_and_chroma_by_the_other(luma, chroma, dtype):
    x, y = pair(dtype, low=0.4, high=0.6)  # nothing is clipped
    mixed = blend(x, y, Strength(luma, chroma))
    assert mixed.dtype == dtype
    before, after, found = (to_unit(each).astype(float) @ YCBCR.T for each in (x, y, mixed))
    wanted = before + np.array([luma, chroma, chroma]) * (after - before)
    assert np.abs(found - wanted).max() < {np.uint8: 0.6 / 255}.get(dtype, 1e-5)


def test_a_correction_without_colour_has_no_chroma():
    x, _ = pair(np.uint16, low=0.2, high=0.8)
    y = (x + 1000).astype(np.uint16)
    np.testing.assert_array_equal(blend(x, y, Strength(0, 1)), x)
    np.testing.assert_array_equal(blend(x, y, Strength(1, 0)), y)


@given(SHARES, SHARES, TYPES)
def test_grey_ignores_the_share_of_chroma(luma, chroma, dtype):
    x, y = pair(dtype, channels=1)
    colour = np.repeat(x, 3, axis=-1)
    alone = blend(x, y, Strength(luma, luma))
    np.testing.assert_array_equal(blend(x, y, Strength(luma, chroma)), alone)
    wide = blend(colour, y, Strength(luma, chroma))
    np.testing.assert_array_equal(wide, np.repeat(alone, 3, axis=-1))
    assert wide.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_leaves_the_range_is_clipped(dtype):
    white, black = np.iinfo(dtype).max, 0
    x = np.array([[[black, white, black]]], dtype)
    y = np.array([[[white, black, white]]], dtype)
    assert blend(x, y, Strength(0, 1)).tolist() == [[[white, round(0.174 * white), white]]]


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (3000, 40), (1, 1)])
def test_bands_leave_no_seam(size):
    x, y = pair(np.uint8, *size)
    strength = Strength(0.3, 0.9)
    rows = np.concatenate([blend(x[i : i + 1], y[i : i + 1], strength) for i in range(len(x))])
    np.testing.assert_array_equal(blend(x, y, strength), rows)


def test_no_floats_of_the_whole_picture():
    x, y = pair(np.uint8, 64, 64)
    x, y = (np.tile(each, (24, 24, 1)) for each in (x, y))
    tracemalloc.start()
    blend(x, y, Strength(0.5, 1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * x.nbytes  # floats would be four times the picture, each


def test_all_of_the_correction_is_the_restored_picture():
    x, y = pair(np.uint16)
    np.testing.assert_array_equal(blend(x, y, FULL), y)
