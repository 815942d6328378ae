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
    clean[64:] = np.random.default_rng(1).integers(0, 256, clean[64:].shape, np.uint8)
    noisy = add_noise(clean, 0.1, seed=0)
    half = (clean // 2 + 64).astype(np.uint8)
    restored = np.where(np.arange(256)[:, None, None] < 64, clean, half)
    assert estimate_sigma(noisy, restored) == pytest.approx(0.1, rel=0.05)


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
