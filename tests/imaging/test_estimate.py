import numpy as np
import pytest

from app.imaging.estimate import estimate_sigma
from app.imaging.noise import add_noise

RAMP = np.broadcast_to(np.linspace(0, 255, 256).astype(np.uint8)[None, :, None], (256, 256, 3))
BLACK = np.zeros((256, 256, 1), np.uint8)
MOSTLY_BLACK = np.where(np.arange(256)[None, :, None] < 200, 0, RAMP).astype(np.uint8)


@pytest.mark.parametrize("clean", [RAMP, BLACK, MOSTLY_BLACK], ids=["ramp", "black", "dark"])
@pytest.mark.parametrize("sigma", [0.04, 0.1, 0.2, 0.4])
def test_finds_sigma_though_black_and_white_hide_half_of_the_noise(clean, sigma):
    noisy = add_noise(clean, sigma, seed=0)
    assert estimate_sigma(noisy, clean) == pytest.approx(sigma, rel=0.03)


def test_sixteen_bit_pictures_and_tiny_ones():
    clean = (RAMP.astype(np.uint16) * 257)[:16]
    assert estimate_sigma(add_noise(clean, 0.01, seed=0), clean) == pytest.approx(0.01, rel=0.05)
    assert estimate_sigma(clean[:1, :1], clean[:1, :1]) == 0
    assert estimate_sigma(clean[:1, :9], clean[:1, :9]) < 1e-6


def test_a_network_that_fails_on_texture_does_not_mislead_it():
    clean = np.array(RAMP)
    clean[192:] = np.random.default_rng(1).integers(0, 256, clean[192:].shape, np.uint8)
    noisy = add_noise(clean, 0.1, seed=0)
    half = (clean // 2 + 64).astype(np.uint8)
    restored = np.where(np.arange(256)[:, None, None] < 192, clean, half)
    assert estimate_sigma(noisy, restored) == pytest.approx(0.1, rel=0.05)


def blurred(pixels):
    """By a 3x3 box, around the edges."""
    return sum(np.roll(pixels, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9


def rounded(pixels):
    return np.rint(pixels).astype(np.uint8)


def camera_noise(times, seed):
    """Blurred so often, a third stronger to the right than to the left, with a deviation of 1."""
    noise = np.random.default_rng(seed).normal(size=(512, 512, 3))
    for _ in range(times):
        noise = blurred(noise)
    noise *= np.linspace(0.85, 1.15, 512)[None, :, None]
    return noise / noise.std()


@pytest.mark.parametrize("sigma", [4, 8, 16])
@pytest.mark.parametrize("left", [0.1, 0.5, 0.8])
def test_camera_noise_is_found_though_its_coarse_part_is_left(sigma, left):
    fine = sigma * np.sqrt(1 - left**2) * camera_noise(1, seed=2)
    coarse = sigma * left * camera_noise(3, seed=3)
    found = estimate_sigma(rounded(128 + coarse + fine), rounded(128 + coarse))
    assert found == pytest.approx(sigma / 255, rel=0.15)


def test_texture_is_no_noise_where_next_to_nothing_was_removed():
    texture = blurred(np.random.default_rng(3).normal(128, 30, (256, 256, 3)))
    removed = blurred(np.random.default_rng(4).normal(0, 0.6, (256, 256, 3)))
    found = estimate_sigma(rounded(texture), rounded(texture - removed))
    assert found < 1 / 255


def test_what_is_left_under_white_noise_is_the_picture():
    texture = rounded(blurred(np.random.default_rng(5).normal(128, 60, (256, 256, 3))))
    assert estimate_sigma(add_noise(texture, 0.05, seed=0), texture) == pytest.approx(
        0.05, rel=0.05
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2), (17, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_any_size_have_an_estimate(size, channels):
    noisy = np.random.default_rng(6).integers(0, 256, (*size, channels), np.uint8)
    assert 0 <= estimate_sigma(noisy, np.full_like(noisy, 128)) <= 1


def test_a_frame_without_noise_does_not_count():
    clean = np.array(RAMP)
    noisy = add_noise(clean, 0.1, seed=0)
    noisy[:80] = clean[:80] = 0
    noisy[:, :64] = clean[:, :64] = 255
    assert estimate_sigma(noisy, clean) == pytest.approx(0.1, rel=0.05)
    assert estimate_sigma(clean[:80], clean[:80]) == 0


def test_large_pictures_are_sampled():
    clean = np.full((3000, 2000, 3), 100, np.uint8)
    assert estimate_sigma(add_noise(clean, 0.1, seed=0), clean) == pytest.approx(0.1, rel=0.03)


def test_never_more_than_the_whole_range():
    checks = (np.indices((8, 8, 1)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert estimate_sigma(checks, 255 - checks) == 1.0
