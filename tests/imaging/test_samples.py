import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.samples import (
    cmyk_to_rgb,
    deinterleave,
    interleave,
    to_integers,
    to_uint8,
    unpremultiply,
    widen,
)


def test_every_16_bit_level_is_rounded_to_the_nearest_8_bit_one():
    levels = np.arange(65_536, dtype=np.uint16)
    np.testing.assert_array_equal(to_uint8(levels), np.rint(levels / 257).astype(np.uint8))


def test_floats_are_rounded_to_nearest_and_integers_stay():
    floats = np.array([0, 0.4 / 255, 0.6 / 255, 1], np.float32)
    np.testing.assert_array_equal(to_uint8(floats), [0, 0, 1, 255])
    np.testing.assert_array_equal(to_integers(floats[[0, 3]]), [0, 65_535])
    for samples in (np.arange(256, dtype=np.uint8), np.arange(9, dtype=np.uint16)):
        assert to_integers(samples) is samples


@given(st.integers(1, 16))
def test_widening_spreads_levels_evenly_over_the_full_range(bits):
    levels = np.arange(2**bits, dtype=np.uint8 if bits <= 8 else np.uint16)
    full = 255 if bits <= 8 else 65_535
    wide = widen(levels, bits)
    assert wide.dtype == levels.dtype
    np.testing.assert_allclose(wide, levels * (full / levels[-1]), atol=0.5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_channels_come_apart_as_they_were_joined(channels, has_alpha, noise):
    pixels, alpha = noise[..., :channels], noise[..., 3] if has_alpha else None
    joined = interleave(pixels, alpha)
    again, opacity = deinterleave(joined)
    np.testing.assert_array_equal(again, pixels)
    assert again.flags.c_contiguous
    assert (opacity is not None) is has_alpha
    if has_alpha:
        np.testing.assert_array_equal(opacity, alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_premultiplied_colour_is_divided_where_there_is_any(dtype):
    full = 1 if dtype is np.float32 else np.iinfo(dtype).max
    pixels = np.array([[[0.25], [0.5], [1], [0]]]) * full
    alpha = np.array([[0.5, 0.5, 0.5, 0]]) * full
    result = unpremultiply(pixels.astype(dtype), alpha.astype(dtype))
    assert result.dtype == dtype
    beyond = 2 if dtype is np.float32 else 1  # floats may be brighter than white
    np.testing.assert_allclose(result.ravel() / full, [0.5, 1, beyond, 0], atol=0.01)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_inks_without_a_profile_take_their_share_of_the_light(dtype):
    full = np.iinfo(dtype).max
    inks = np.array([[[0, 0, 0, 0], [full, 0, 0, 0], [0, 0, 0, full], [0, 0, full, full // 2]]])
    rgb = cmyk_to_rgb(inks.astype(dtype), None)
    assert rgb.dtype == dtype
    light = full - full // 2
    expected = [[full, full, full], [0, full, full], [0, 0, 0], [light, light, 0]]
    np.testing.assert_array_equal(rgb[0], expected)


def test_inks_with_a_profile_are_converted_by_it(inverting_profile):
    inks = np.array([[[0, 0, 0, 0], [255, 255, 255, 255]]], np.uint8)
    rgb = cmyk_to_rgb(inks, inverting_profile)
    np.testing.assert_array_equal(rgb[0], [[0, 0, 0], [255, 255, 255]])


@pytest.mark.parametrize("damage", [slice(128, 140), slice(0, 16), slice(300, None)])
def test_a_damaged_profile_is_not_missed(damage, inverting_profile):
    damaged = bytearray(inverting_profile)
    del damaged[damage]
    damaged[16:20] = b"CMYK"
    rgb = cmyk_to_rgb(np.zeros((1, 1, 4), np.uint8), bytes(damaged))
    np.testing.assert_array_equal(rgb[0, 0], [255, 255, 255])


def test_a_profile_for_rgb_says_nothing_of_inks(srgb):
    rgb = cmyk_to_rgb(np.zeros((1, 1, 4), np.uint8), srgb)
    np.testing.assert_array_equal(rgb[0, 0], [255, 255, 255])
