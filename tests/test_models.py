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


@pytest.mark.parametrize(
    ("size", "factor", "strays"),
    [((2240, 900), 0.1, 0), ((2240, 900), 0.4, 1e-5), ((2240, 2240), 0.4, 1e-5)],
)
def test_tiles_give_the_same_picture_as_the_whole(denoiser, size, factor, strays):
    """At most one 8-bit level anywhere, and 0.05 on average, the picture's edges included.

    Under the heaviest noise one sample in a hundred thousand may be two levels off. The whole is
    extended by reflection as far as the tiles are.
    """
    noisy = Picture(add_noise(sample("landscape", size), factor, seed=0))
    card, (width, height) = denoiser.card, size
    tiles = plan(height, width, halo=card.halo, stride=card.stride)
    assert len(tiles) > 1
    last = tiles[-1]
    extra = (
        (0, last.rows.start + last.rows.length - height),
        (0, last.columns.start + last.columns.length - width),
        (0, 0),
    )
    extended = np.pad(noisy.pixels, extra, mode="reflect")
    tiled = denoiser.submit(noisy).result(60).picture.pixels.astype(int)
    whole = Engine(PACKAGES[card.name].path).forward(extended[None])[0, :height, :width]
    difference = np.abs(tiled - whole)
    assert (difference > 1).mean() <= strays
    assert difference.max() <= 2
    assert difference.mean() <= 0.05
