"""The committed models do what their cards say, on pictures that the project draws itself."""

import numpy as np
import pytest
from PIL import Image

from app.imaging.codec import Picture
from app.imaging.metrics import psnr
from app.imaging.noise import add_noise
from app.imaging.tiling import plan
from app.inference.denoiser import Denoiser
from app.inference.engine import Engine
from app.inference.store import read_packages
from app.settings import PROJECT, Settings

PACKAGES = read_packages(PROJECT / "models")
SAMPLES = PROJECT / "app" / "web" / "static" / "samples"


def sample(name: str, size: tuple[int, int] | None = None):
    with Image.open(SAMPLES / f"{name}.png") as image:
        resized = image.resize(size, Image.Resampling.LANCZOS) if size else image
        pixels = np.asarray(resized)
    return pixels if pixels.ndim == 3 else pixels[..., None]


@pytest.fixture(scope="module", params=PACKAGES)
def denoiser(request):
    denoiser = Denoiser.load(PACKAGES[request.param])
    yield denoiser
    denoiser.close()


def test_the_default_model_is_there():
    assert Settings().model in PACKAGES


@pytest.mark.parametrize("name", ["landscape", "mri"])
@pytest.mark.parametrize("factor", [0.05, 0.1, 0.2, 0.4])
def test_noise_goes_and_the_picture_stays(denoiser, name, factor):
    clean = sample(name)
    noisy = Picture(add_noise(clean, factor, seed=0))
    restored = denoiser.submit(noisy).result(60).picture
    gain = psnr(clean, restored.pixels) - psnr(clean, noisy.pixels)
    assert gain > 3


def test_sixteen_bits_are_no_worse_than_eight(denoiser):
    clean = sample("landscape")
    scores = []
    for pixels in (clean, clean.astype(np.uint16) * 257):
        noisy = Picture(add_noise(pixels, 0.1, seed=0))
        scores.append(psnr(clean, denoiser.submit(noisy).result(60).picture.pixels))
    assert scores[1] > scores[0] - 0.01


@pytest.mark.parametrize(("factor", "strays"), [(0.1, 0.0), (0.4, 1e-4)])
def test_tiles_give_the_same_picture_as_the_whole(denoiser, factor, strays):
    """At most one 8-bit level anywhere, and 0.05 on average, the picture's edges included.

    Under the heaviest noise, one sample in ten thousand may be two levels off.
    """
    noisy = Picture(add_noise(sample("landscape", (1504, 1504)), factor, seed=0))
    card = denoiser.card
    assert len(plan(1504, 1504, halo=card.halo, stride=card.stride)) == 4
    tiled = denoiser.submit(noisy).result(60).picture.pixels.astype(int)
    whole = Engine(PACKAGES[card.name].path).forward(noisy.pixels[None])[0]
    difference = np.abs(tiled - whole)
    assert (difference > 1).mean() <= strays
    assert difference.max() <= 2
    assert difference.mean() <= 0.05
