import numpy as np
import pytest

from app.imaging.noise import ChannelMode, NoiseKind, add_noise, camera
from app.imaging.noise.colour import YCC
from app.imaging.noise.tiles import tiles

SEEDS = range(4)


def noise_of(clean, factor=0.03, seed=0, **options):
    return add_noise(clean, factor, kind=NoiseKind.CAMERA, seed=seed, **options) - clean


@pytest.mark.parametrize("factor", [0.005, 0.03, 0.06])
@pytest.mark.parametrize("planes", [1, 3])
def test_the_factor_is_the_overall_deviation(ramp, factor, planes):
    noise = noise_of(ramp[..., :planes], factor)
    assert np.sqrt((noise**2).mean()) == pytest.approx(factor, rel=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_is_correlated_as_cameras_leave_it(ramp, correlation, seed):
    noise = noise_of(ramp, seed=seed)
    near = [correlation(noise[..., c], *step) for c in range(3) for step in ((0, 1), (1, 0))]
    assert 0.6 < np.mean(near) < 0.75
    luma, *chroma = np.moveaxis(noise @ YCC.T, -1, 0)
    assert abs(correlation(luma, 0, 4)) < 0.1
    far = [correlation(plane, *step) for plane in chroma for step in ((0, 4), (4, 0))]
    assert 0.3 < np.mean(far) < 0.6


@pytest.mark.parametrize("seed", SEEDS)
def test_chroma_is_weaker_than_luma(ramp, seed):
    luma, *chroma = (noise_of(ramp, seed=seed) @ YCC.T).std(axis=(0, 1))
    assert 0.38 < np.mean(chroma) / luma < 0.72


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_is_strongest_in_the_lower_middle_tones(seed):
    grey = np.broadcast_to(np.linspace(0, 1, 500, dtype=np.float32)[None, :, None], (300, 500, 3))
    noise = camera_luma(grey, seed)
    by_tone = noise.reshape(300, 10, 50).std(axis=(0, 2))  # tenths from black to white
    assert 2 <= by_tone.argmax() <= 5
    assert by_tone[-1] < 0.6 * by_tone.max()
    assert by_tone[0] < 0.8 * by_tone.max()


def camera_luma(clean, seed):
    """Noise before it is scaled and clipped."""
    drawn = camera.draw_camera(0.03, np.random.default_rng(seed))
    (tile,) = tiles(clean, halo=camera.HALO, seed=seed, side=1000)
    return camera.noise(tile, drawn, 1)[0]


def test_noise_shared_by_the_channels_is_luma_alone(ramp):
    noise = noise_of(ramp, channels=ChannelMode.SHARED)
    assert np.ptp(noise, axis=-1).max() < 1e-6
    assert np.sqrt((noise**2).mean()) == pytest.approx(0.03, rel=0.02)


def test_another_seed_is_another_camera(ramp):
    one, other = (camera.draw_camera(0.03, np.random.default_rng(seed)) for seed in (0, 1))
    assert one.smoothing != other.smoothing
    assert one.chroma != other.chroma
    assert (noise_of(ramp, seed=0) != noise_of(ramp, seed=1)).mean() > 0.99


@pytest.mark.parametrize("seed", SEEDS)
def test_white_that_is_saturated_has_little_noise(seed):
    white = np.ones((100, 120, 3), np.float32)
    noise = noise_of(white, seed=seed)
    assert np.sqrt((noise**2).mean()) < 0.03 / 2


@pytest.mark.parametrize("kind", [NoiseKind.CAMERA, NoiseKind.GRAIN])
@pytest.mark.parametrize("side", [32, 100, 1000])
def test_noise_is_the_same_wherever_the_tiles_meet(ramp, monkeypatch, kind, side):
    expected = add_noise(ramp, 0.05, kind=kind, seed=2)
    monkeypatch.setattr("app.imaging.noise.tiles.SIDE", side)
    np.testing.assert_allclose(add_noise(ramp, 0.05, kind=kind, seed=2), expected, atol=1e-6)


@pytest.mark.parametrize("kind", [NoiseKind.CAMERA, NoiseKind.GRAIN])
def test_all_types_get_the_same_noise(ramp, kind):
    noisy = add_noise(np.rint(ramp * 255).astype(np.uint8), 0.05, kind=kind, seed=3) / 255
    deep = add_noise(np.rint(ramp * 255).astype(np.uint16) * 257, 0.05, kind=kind, seed=3) / 65535
    assert np.abs(noisy - deep).max() <= 0.502 / 255
