"""The statistics of camera noise, on every backend that is installed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

BACKENDS = [
    pytest.param(
        backend,
        marks=pytest.mark.skipif(find_spec(backend) is None, reason=f"{backend} not installed"),
    )
    for backend in ("tensorflow", "jax", "torch")
]


@pytest.fixture(scope="module", params=BACKENDS)
def figures(request):
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.noise.measure"],
        check=True,
        capture_output=True,
        env=os.environ | {"KERAS_BACKEND": request.param},
    )
    return json.loads(done.stdout)


def test_srgb_noise_has_its_sigma_and_goes_with_brightness(figures):
    assert figures["srgb sigma"] == pytest.approx(10, rel=0.02)
    # f(x) is x for one half of the patches, four times as much, and sqrt(x (1 - 0.8 x)) for one.
    assert 1.5 < figures["srgb bright to dark"] < 3.5


def test_grain_is_in_luma_alone_and_of_one_to_three_pixels(figures):
    assert figures["grain between channels"] < 1e-6
    assert figures["grain sigma"] == pytest.approx(12, rel=0.02)
    assert figures["grain neighbours least"] < 0.2
    assert 0.6 < figures["grain neighbours most"] < 0.95


def test_sensor_noise_is_correlated_by_demosaicing_and_strongest_below_white(figures):
    assert 1 < figures["sensor sigma"] < 6
    assert 6 < figures["sensor loud to quiet"] < 20
    assert 0.3 < figures["sensor neighbours"] < 0.6
    assert abs(figures["sensor lag 4"]) < 0.1
    assert figures["sensor middle to white"] > 1.5


@pytest.mark.parametrize("way", ["malvar", "bilinear"])
def test_demosaicing_gives_ramps_back(figures, way):
    assert figures[f"{way} error"] < 1e-5


def test_smoothing_makes_noise_coarse_and_takes_chroma_out(figures):
    assert 0.3 < figures["usual: luma neighbours"] < 0.7
    assert 0.35 < figures["usual: chroma neighbours"] < 0.8
    assert 0.03 < figures["usual: chroma lag 4"] < 0.3
    assert 0.35 < figures["usual: chroma to luma"] < 1
    assert figures["low chroma: chroma to luma"] < 0.3


def test_coarse_noise_is_as_that_of_most_cameras(figures):
    assert 0.5 < figures["coarse: luma neighbours"] < 0.75
    assert 0.8 < figures["coarse: chroma neighbours"] < 0.95
    assert 0.25 < figures["coarse: chroma lag 4"] < 0.6
    assert 0.35 < figures["coarse: chroma to luma"] < 1


def test_lines_are_a_level_a_row(figures):
    assert figures["lines shape"] == 1
    assert 0.1 < figures["lines sigma"] < 0.4


def test_camera_noise_is_correlated_more_along_rows(figures):
    assert 0.5 < figures["camera neighbours across"] < 0.8
    assert figures["camera neighbours across"] > figures["camera neighbours down"] + 0.05


def test_the_noise_of_grey_patches_is_grey(figures):
    assert figures["camera on grey, between channels"] < 1e-6


def test_targets_keep_casts_and_lose_grain(figures):
    assert figures["mean of a constant"] < 1e-6
    assert figures["mean of white noise"] < 1 / 16
    assert figures["casts of the noise"] > 0.5
    assert figures["casts left in targets"] < 0.3 * figures["casts of the noise"]


def test_jpeg_loses_more_at_low_quality(figures):
    assert figures["jpeg error at 30"] > 1.3 * figures["jpeg error at 95"] > 0.01
