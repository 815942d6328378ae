import numpy as np
import pytest

from training.noise.layer import AddNoise
from training.noise.settings import Noise, White

GREY = np.full((64, 16, 16, 3), 0.5, np.float32)


def colour(count=64):
    patches = np.full((count, 16, 16, 3), 0.5, np.float32)
    patches[..., 0] = 0.6
    return patches


def noisy(clean, white, seed=0):
    result, target = AddNoise(Noise(white=white), seed=seed)(clean)
    np.testing.assert_array_equal(target, clean)
    return np.asarray(result)


def plain(sigma, **changes):
    shares = ("high_share", "clipped", "shared", "clean_share", "rician", "impulse")
    return White(**{"low": (sigma, sigma)} | dict.fromkeys(shares, 0) | changes)


def test_the_deviation_is_the_one_asked_for():
    difference = noisy(colour(), plain(25.5)) - colour()
    assert difference.std() == pytest.approx(0.1, rel=0.02)
    assert difference.mean() == pytest.approx(0, abs=0.002)


def test_every_patch_draws_its_own_deviation_from_one_of_the_ranges():
    noise = plain(0, low=(10, 20), high=(100, 110), high_share=0.25)
    sigmas = 255 * (noisy(colour(400), noise) - colour(400)).std(axis=(1, 2, 3))
    high = sigmas > 60
    assert high.mean() == pytest.approx(0.25, abs=0.07)
    assert 8 < sigmas[~high].min() < 11
    assert 19 < sigmas[~high].max() < 23
    assert 85 < sigmas[high].min() < 105 < sigmas[high].max() < 125


def test_a_share_has_no_noise():
    clean = colour(400)
    result = noisy(clean, plain(25, clean_share=0.2))
    untouched = (np.abs(result - clean) < 1e-6).all(axis=(1, 2, 3))
    assert untouched.mean() == pytest.approx(0.2, abs=0.06)


def test_a_share_is_clipped_and_rounded():
    result = noisy(colour(200), plain(102, clipped=0.7))
    levels = result * 255
    rounded = np.isclose(levels, np.rint(levels), atol=1e-3).all(axis=(1, 2, 3))
    assert rounded.mean() == pytest.approx(0.7, abs=0.1)
    assert result[rounded].min() == 0
    assert result[rounded].max() == 1
    assert result[~rounded].max() > 1


@pytest.mark.parametrize(("clean", "share"), [(GREY, 1), (colour(), 0)])
def test_grey_patches_share_one_plane(clean, share):
    difference = noisy(clean, plain(25)) - clean
    shared = np.isclose(difference, difference[..., :1], atol=1e-6).all(axis=(1, 2, 3))
    assert shared.mean() == share


def test_so_does_a_share_of_colour_patches():
    difference = noisy(colour(200), plain(25, shared=0.4)) - colour(200)
    shared = np.isclose(difference, difference[..., :1], atol=1e-6).all(axis=(1, 2, 3))
    assert shared.mean() == pytest.approx(0.4, abs=0.1)


def test_a_share_of_grey_patches_has_rician_noise():
    clean = np.zeros((200, 16, 16, 3), np.float32)
    result = noisy(clean, plain(25.5, rician=0.3))
    rician = (result > 0).all(axis=(1, 2, 3))
    assert rician.mean() == pytest.approx(0.3, abs=0.1)
    assert result[rician].mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.02)
    np.testing.assert_allclose(result, np.broadcast_to(result[..., :1], result.shape), atol=1e-6)
    coloured = noisy(colour(200), plain(25.5, rician=1.0)) - colour(200)
    assert coloured.mean() == pytest.approx(0, abs=0.002)


def test_fixed_noise_is_the_plane_of_seed_0():
    plane = np.random.RandomState(0).standard_normal((16, 16, 1))
    for seed in (0, 1):
        difference = noisy(colour(), plain(51, fixed=True), seed) - colour()
        np.testing.assert_allclose(difference, np.broadcast_to(0.2 * plane, GREY.shape), atol=1e-6)


def test_a_seed_repeats_and_calls_differ():
    layer, again = (AddNoise(Noise(white=White()), seed=4) for _ in range(2))
    first, second = (np.asarray(layer(GREY)[0]) for _ in range(2))
    assert (first != second).any()
    np.testing.assert_array_equal(first, np.asarray(again(GREY)[0]))


def test_a_share_has_salt_and_pepper_instead():
    clean = np.full((400, 16, 16, 3), 51 / 255, np.float32)
    result = noisy(clean, plain(0, impulse=0.5))
    lost = ~np.isclose(result, clean, atol=1e-6).all(axis=-1)
    assert set(np.unique(result[lost])) == {0.0, 1.0}
    assert result[lost].mean() == pytest.approx(0.5, abs=0.03)
    density = lost.mean(axis=(1, 2))
    assert (density > 0).mean() == pytest.approx(0.5, abs=0.1)
    assert 0.3 < density.max() < 0.55
