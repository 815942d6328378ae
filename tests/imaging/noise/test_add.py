import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.noise import ChannelMode, NoiseKind, add_noise, noisy_picture
from app.imaging.picture import Picture

GREY = np.full((200, 300, 3), 128, np.uint8)

factors = st.floats(0.0, 1.0)
kinds = st.sampled_from(NoiseKind)
modes = st.sampled_from(ChannelMode)


@given(
    factor=factors,
    kind=kinds,
    channels=modes,
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])),
)
def test_shape_and_type_are_kept_and_a_seed_repeats(factor, kind, channels, dtype, shape):
    pixels = np.random.default_rng(0).random(shape)
    pixels = (pixels * (1 if dtype is np.float32 else np.iinfo(dtype).max)).astype(dtype)
    noisy = add_noise(pixels, factor, kind=kind, channels=channels, seed=3)
    assert noisy.shape == pixels.shape
    assert noisy.dtype == dtype
    again = add_noise(pixels, factor, kind=kind, channels=channels, seed=3)
    np.testing.assert_array_equal(noisy, again)


@pytest.mark.parametrize("kind", NoiseKind)
def test_no_noise_at_factor_zero_and_the_input_is_left_alone(kind):
    pixels = GREY.copy()
    np.testing.assert_array_equal(add_noise(pixels, 0.0, kind=kind, seed=0), GREY)
    assert (add_noise(pixels, 0.5, kind=kind, seed=0) != GREY).any()
    np.testing.assert_array_equal(pixels, GREY)


@pytest.mark.parametrize(
    ("kind", "level", "expected"),
    [
        (NoiseKind.CAMERA, 0.5, 0.1),
        (NoiseKind.GRAIN, 0.5, 0.1),
        (NoiseKind.GAUSSIAN, 0.5, 0.1),
        (NoiseKind.POISSON, 0.5, 0.1 * np.sqrt(0.5)),
        (NoiseKind.RICIAN, 0.5, 0.1),  # Gaussian while the signal is well above the noise
        (NoiseKind.SPECKLE, 0.5, 0.05),
        (NoiseKind.SALT_PEPPER, 0.5, 0.5 * np.sqrt(0.1)),
    ],
)
def test_deviation_is_what_the_factor_says(kind, level, expected):
    pixels = np.full((300, 300, 3), round(level * 65535), np.uint16)
    noise = add_noise(pixels, 0.1, kind=kind, seed=1) / 65535.0 - level
    assert noise.std() == pytest.approx(expected, rel=0.03)


def test_rician_noise_lifts_black_to_the_mean_of_a_rayleigh_distribution():
    black = np.zeros((300, 300, 1), np.uint16)
    noisy = add_noise(black, 0.1, kind=NoiseKind.RICIAN, seed=1) / 65535.0
    assert noisy.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.01)


@pytest.mark.parametrize("kind", NoiseKind)
def test_shared_noise_keeps_grey_grey_and_independent_noise_does_not(kind):
    shared = add_noise(GREY, 0.2, kind=kind, channels=ChannelMode.SHARED, seed=1)
    assert (np.ptp(shared, axis=-1) == 0).all()
    independent = add_noise(GREY, 0.2, kind=kind, channels=ChannelMode.INDEPENDENT, seed=1)
    assert (np.ptp(independent, axis=-1) > 0).any() == (kind is not NoiseKind.GRAIN)


def test_large_pictures_get_fresh_noise_all_over():
    pixels = np.full((2500, 1000, 1), 128, np.uint8)
    noisy = add_noise(pixels, 0.2, seed=0)
    assert (noisy[:1000] != noisy[1048:2048]).any()


@pytest.mark.parametrize("factor", [-0.1, 1.1, float("nan"), float("inf")])
def test_factor_out_of_range_is_refused(factor):
    with pytest.raises(ValueError, match="between 0 and 1"):
        add_noise(GREY, factor, seed=0)


def test_a_picture_says_that_noise_was_added():
    kind, channels = NoiseKind.POISSON, ChannelMode.INDEPENDENT
    noisy = noisy_picture(Picture(GREY), 0.2, kind=kind, channels=channels, seed=1)
    np.testing.assert_array_equal(noisy.pixels, add_noise(GREY, 0.2, kind=kind, seed=1))
    assert noisy.metadata.made == "Noise added: poisson, factor 0.2."
