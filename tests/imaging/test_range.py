import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.range import Range, choose, full, is_flat, read_choice, robust

INTEGERS = [np.uint16, np.int8, np.int16, np.uint32, np.int32]


def counts(low=100, high=800, dtype=np.uint16, shape=(60, 50, 1)):
    return np.random.default_rng(0).uniform(low, high, shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.int32, np.float32])
def test_a_picture_that_fills_little_of_its_type_has_a_range_of_its_own(dtype):
    pixels = counts(dtype=dtype)
    assert choose("auto", pixels) == Range(float(pixels.min()), float(pixels.max()))
    assert choose("full", pixels) == full(pixels)


@pytest.mark.parametrize("hot", [1, 3, 8])
def test_a_few_hot_and_dead_pixels_do_not_set_it(hot):
    pixels = counts(1000, 1700)
    pixels[0, :hot] = 60_000
    pixels[1, :hot] = 0
    found = choose("auto", pixels)
    assert 900 < found.low < 1010
    assert 1690 < found.high < 1800


def test_noise_that_reaches_far_is_no_outlier():
    pixels = np.random.default_rng(0).normal(1000, 30, (300, 300, 1)).astype(np.uint16)
    assert choose("auto", pixels) == Range(float(pixels.min()), float(pixels.max()))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_picture_that_fills_its_type_has_the_types_range(dtype):
    high = 1 if dtype is np.float32 else 65_535
    assert choose("auto", counts(0, high, dtype)) == Range(0, high)


def test_8_bits_are_as_they_are_unless_told_otherwise():
    pixels = counts(100, 120, np.uint8)
    assert choose("auto", pixels) == Range(0, 255)
    assert choose(Range(90, 130), pixels) == Range(90, 130)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_a_flat_picture_with_a_hot_pixel_has_a_range_at_its_level(dtype):
    pixels = np.full((40, 40, 1), 100, dtype)
    assert is_flat(pixels)
    pixels[20, 20] = 20_000
    assert not is_flat(pixels)
    found = robust(pixels)
    assert found.low == 100
    assert found.high <= 101


@given(
    st.sampled_from(INTEGERS),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 2**32),
    st.data(),
)
def test_integers_survive_the_round_trip_wherever_the_range_lies(dtype, rows, columns, seed, data):
    info = np.iinfo(dtype)
    random = np.random.default_rng(seed)
    pixels = random.integers(info.min, info.max, (rows, columns, 1), dtype, endpoint=True)
    low = data.draw(st.integers(info.min, info.max - 1))
    bounds = Range(low, data.draw(st.integers(low + 1, info.max)))
    unit = bounds.to_unit(pixels)
    assert unit.dtype == np.float32
    assert unit.min() >= 0
    assert unit.max() <= 1
    error = bounds.from_unit(unit, pixels).astype(float) - pixels
    assert np.abs(error).max() <= bounds.span * 2**-24


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(0, 2**32))
def test_floats_of_any_size_survive_to_a_part_in_a_million(scale, seed):
    pixels = (np.random.default_rng(seed).uniform(-1, 1, (6, 5, 3)) * scale).astype(np.float32)
    found = choose("auto", pixels)
    back = found.from_unit(found.to_unit(pixels), pixels)
    assert np.abs(back.astype(float) - pixels).max() <= 1e-6 * max(found.span, abs(scale))


def test_a_star_keeps_its_light_and_a_hot_pixel_goes():
    bounds = Range(100, 800)
    samples = np.array([[[40_000], [40_000], [0], [0]]], np.uint16)
    values = np.array([[[1.0], [0.1], [0.0], [0.9]]], np.float32)
    assert bounds.from_unit(values, samples).ravel().tolist() == [40_000, 170, 0, 730]


@pytest.mark.parametrize("left", [0.0, 0.3, 0.5, 0.6, 0.69, 0.71, 0.8, 1.0])
@pytest.mark.parametrize("extreme", [60_000.0, -60_000.0])
def test_a_value_far_out_of_the_range_is_kept_or_removed_and_never_halved(extreme, left):
    bounds = Range(100, 800)
    samples = np.full((1, 1, 1), extreme, np.float32)
    values = np.full((1, 1, 1), left if extreme > 0 else 1 - left, np.float32)
    found = abs(float(bounds.from_unit(values, samples).item()))
    assert found < 1000 or found > 59_000


def test_what_may_be_asked_for():
    assert read_choice("auto") == "auto"
    assert read_choice("full") == "full"
    assert read_choice("-1.5:2e3") == Range(-1.5, 2000)
    assert str(Range(-1.5, 2000)) == "-1.5:2000"


@pytest.mark.parametrize(
    "ends",
    [(4_000_000_137, 4_000_000_919), (1e9 + 0.0625, 1e9 + 0.875), (0, 2**32 - 1), (-3e38, 0)],
)
def test_a_range_that_is_said_can_be_asked_for_however_far_from_0_it_is(ends):
    again = read_choice(str(Range(*ends)))
    assert isinstance(again, Range)
    assert (again.low, again.high) == pytest.approx(ends, abs=1e-6 * (ends[1] - ends[0]), rel=0)


def test_whole_numbers_are_said_in_full():
    assert str(Range(4_000_000_137, 2**32 - 1)) == "4000000137:4294967295"


@pytest.mark.parametrize(
    "text",
    ["", "w", "1", "1:", ":1", "2:1", "1:1", "nan:1", "0:inf", "a:b", "1_0:2_0", "\u0663:\u0664"],
)
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ValueError, match="LOW:HIGH"):
        read_choice(text)


def test_full_of_floats_is_at_least_from_0_to_1():
    assert full(np.array([[[0.2]]], np.float32)) == Range(0, 1)
    assert full(np.array([[[-3], [40]]], np.float32)) == Range(-3, 40)
    assert math.isfinite(full(np.array([[[-3e38], [3e38]]], np.float32)).span)


@pytest.mark.parametrize("choice", ["auto", "full"])
@pytest.mark.parametrize("far", [1.7e308, 0.9e308])
def test_numbers_too_far_apart_for_a_distance_have_one_all_the_same(choice, far):
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (40, 40, 1))
    pixels = signs * far
    found = choose(choice, pixels)
    assert math.isfinite(found.span)
    back = found.from_unit(found.to_unit(pixels), pixels)
    assert np.allclose(back, pixels, rtol=1e-6)


@pytest.mark.parametrize("sign", [-1, 1])
def test_numbers_too_far_apart_may_all_be_on_one_side(sign):
    pixels = sign * np.linspace(0.3, 0.99, 400).reshape(20, 20, 1) * np.finfo(np.float64).max
    found = choose("auto", pixels)
    assert math.isfinite(found.span)
    assert np.allclose(found.from_unit(found.to_unit(pixels), pixels), pixels, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_greatest_number_alone_has_a_range(dtype, sign):
    found = choose("auto", np.full((9, 9, 1), sign * np.finfo(dtype).max))
    assert found.low < found.high < math.inf
    assert isinstance(read_choice(str(found)), Range)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("text", ["0:1e-320", "-1e-45:1e-45", "-4e307:4e307", "1e300:1.1e300"])
def test_no_range_that_may_be_asked_for_makes_values_that_are_no_numbers(text, dtype):
    pixels = np.arange(256).reshape(16, 16, 1).astype(dtype)
    asked = read_choice(text)
    assert isinstance(asked, Range)
    unit = asked.to_unit(pixels)
    assert 0 <= unit.min() <= unit.max() <= 1
    assert np.isfinite(asked.from_unit(unit, pixels)).all()


@pytest.mark.parametrize("dtype", [np.uint32, np.float16, np.float32])
def test_rounding_leads_to_no_values_beyond_0_and_1(dtype):
    values = np.linspace(60_000, 65_504, 256).astype(dtype).reshape(16, 16, 1)
    for low in np.linspace(60_000, 65_000, 50):
        for span in (0.7, 65.504, 1000.3):
            unit = Range(float(low), float(low) + span).to_unit(values)
            assert 0 <= unit.min() <= unit.max() <= 1


def test_a_range_finer_than_single_precision_is_mapped_to_its_ends():
    pixels = np.linspace(1e9, 2e9, 256, dtype=np.float32).reshape(16, 16, 1)
    unit = Range(1_000_000_031, 1_000_000_033).to_unit(pixels)
    assert (unit.min(), unit.max()) == (0, 1)
