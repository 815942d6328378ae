"""Linear pictures: which say that they are, and how they are denoised."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.formats.png.chunks import write_chunk
from app.imaging.light import LEAST_TOE, Light, light_of, says_linear
from app.imaging.picture import Metadata, Picture
from app.imaging.range import Range
from app.imaging.view import view_of


def profile(curve, *names):
    """A profile of nothing but the curve, for each of the names."""
    start = 128 + 4 + 12 * len(names)
    table = b"".join(struct.pack(">4sII", name, start, len(curve)) for name in names)
    head = struct.pack(">I", start + len(curve)) + bytes(32) + b"acsp" + bytes(88)
    return head + struct.pack(">I", len(names)) + table + curve


def curv(*values):
    return b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values)


def para(kind, *numbers):
    fixed = [round(number * 65_536) for number in numbers]
    return b"para" + bytes(4) + struct.pack(f">HH{len(fixed)}i", kind, 0, *fixed)


RGB, GREY = (b"rTRC", b"gTRC", b"bTRC"), (b"kTRC",)
SRGB = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
GAMMA_ONE, GAMMA = (write_chunk(b"gAMA", struct.pack(">I", n)) for n in (100_000, 45_455))
CICP_LINEAR, CICP = (write_chunk(b"cICP", bytes([1, curve, 0, 1])) for curve in (8, 13))


@pytest.mark.parametrize(
    ("curve", "linear"),
    [
        (curv(), True),
        (curv(256), True),
        (curv(563), False),
        (curv(0, 65_535), True),
        (curv(*range(0, 65_536, 4369)), True),
        (curv(0, 8000, 65_535), False),
        (curv(0, 65_535)[:-2], False),
        (para(0, 1.0), True),
        (para(0, 2.2), False),
        (para(1, 1.0, 1.0, 0.0), True),
        (para(2, 1.0, 0.5, 0.0, 0.25), False),
        (para(3, *SRGB), False),
        (para(3, 1.0, 1.0, 0.0, 1.0, 0.04), True),
        (para(4, 1.0, 1.0, 0.0, 1.0, 0.04, 0.0, 0.0), True),
        (para(9, 1.0), False),
        (para(3, 1.0), False),
        (b"XYZ " + bytes(16), False),
    ],
)
@pytest.mark.parametrize("names", [RGB, GREY])
def test_a_profile_is_linear_where_its_curves_are_straight(curve, linear, names):
    assert says_linear(Metadata(icc=profile(curve, *names))) is linear


def test_curves_have_a_limit():
    assert says_linear(Metadata(icc=profile(curv(*range(65_536)), *RGB)))
    assert not says_linear(Metadata(icc=profile(curv(*range(65_536), 65_535), *RGB)))


def test_tags_that_overlap_take_no_memory():
    size = 1 << 22
    tags = b"".join(struct.pack(">4sII", b"%04d" % number, 1, size - 1) for number in range(100))
    icc = struct.pack(">I", size) + bytes(32) + b"acsp" + bytes(88) + struct.pack(">I", 100) + tags
    tracemalloc.start()
    assert not says_linear(Metadata(icc=icc.ljust(size, b"\0")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * size


def test_a_profile_that_lacks_a_curve_says_nothing():
    assert not says_linear(Metadata(icc=profile(curv(), *RGB[:2])))


@pytest.mark.parametrize(
    ("colour", "icc", "linear"),
    [
        ((GAMMA_ONE,), None, True),
        ((GAMMA,), None, False),
        ((CICP_LINEAR,), None, True),
        ((GAMMA_ONE, CICP), None, False),
        ((GAMMA, CICP_LINEAR), None, True),
        ((GAMMA_ONE, write_chunk(b"sRGB", b"\0")), None, False),
        ((GAMMA_ONE,), profile(curv(563), *RGB), False),
        ((GAMMA,), profile(curv(), *RGB), True),
        ((write_chunk(b"gAMA", b"1"), write_chunk(b"cICP", b"")), None, False),
        ((), None, False),
    ],
)
def test_what_png_says_counts_by_its_order_of_precedence(colour, icc, linear):
    assert says_linear(Metadata(icc=icc, colour=colour)) is linear


@given(st.sampled_from(["u1", "u2", "i4", "f4", "f8"]), st.floats(LEAST_TOE, 1.0))
def test_the_curve_and_back_is_the_same(dtype, toe):
    samples = np.linspace(-20 if dtype[0] != "u" else 0, 100, 500).astype(dtype)[:, None]
    light = Light(Range(float(samples.min()), float(samples.max())), toe)
    unit = light.to_unit(samples)
    assert (unit.min(), unit.max()) == pytest.approx((0, 1), abs=1e-5)
    back = light.from_unit(unit, samples)
    assert back.dtype == samples.dtype
    np.testing.assert_allclose(back, samples, atol=0 if dtype[0] != "f" else 1e-3)


def test_the_curve_is_near_that_of_srgb_where_there_is_no_noise():
    x = np.linspace(0, 1, 101, dtype=np.float32)
    srgb = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(Light(Range(0, 1)).to_unit(x), srgb, atol=0.04)


@pytest.mark.parametrize("sigma", [0.02, 0.1])
@pytest.mark.parametrize("shape", [(200, 200, 3), (40_000, 1, 1)])
def test_the_toe_is_as_long_as_the_noise_is_strong(sigma, shape):
    pixels = np.random.default_rng(0).normal(0.5, sigma, shape).astype(np.float32)
    assert light_of(pixels, Range(0, 1)).toe == pytest.approx(sigma, rel=0.1)
    assert light_of(pixels[:1, :1], Range(0, 1)).toe == LEAST_TOE


@pytest.mark.parametrize(
    ("marked", "transfer", "found"),
    [
        (True, "auto", "linear"),
        (False, "auto", "perceptual"),
        (False, "linear", "linear"),
        (True, "perceptual", "perceptual"),
    ],
)
def test_the_caller_knows_better_than_the_picture(marked, transfer, found):
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    picture = Picture(pixels, metadata=Metadata(linear=marked))
    assert view_of(picture, transfer=transfer).transfer == found
