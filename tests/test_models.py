"""The committed models do what their cards say, on pictures that the project draws itself."""

from itertools import product

import numpy as np
import pytest
from PIL import Image

from app.imaging import tiling
from app.imaging.metrics import psnr
from app.imaging.noise import NoiseKind, add_noise
from app.imaging.picture import Metadata, Picture
from app.inference import engines
from app.inference.correction import Correction
from app.inference.denoiser import Denoiser
from app.inference.engines import REFERENCE, Precision
from app.inference.store import chosen, read_packages
from app.settings import PROJECT, Settings

PACKAGES = read_packages(PROJECT / "models")
BLIND = ("unet", "unet-fast")
FOR_SCANS = ("unet-mri",)
FOR_ONE_FACTOR = ("autoencoder-mri", "autoencoder-photo")
SAMPLES = PROJECT / "app" / "web" / "static" / "samples"


def sample(name: str, size: tuple[int, int] | None = None):
    with Image.open(SAMPLES / f"{name}.png") as image:
        resized = image.resize(size, Image.Resampling.LANCZOS) if size else image
        pixels = np.asarray(resized)
    return pixels if pixels.ndim == 3 else pixels[..., None]


@pytest.fixture(scope="module")
def denoisers():
    """The models by name, each loaded when it is first asked for, in tiles of 1.5 megapixels."""
    loaded = {}

    def denoiser(name):
        if name not in loaded:
            loaded[name] = Denoiser.load(PACKAGES[name])
        return loaded[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiling, "MOST", 1_500_000)
        yield denoiser
    for each in loaded.values():
        each.close()


def test_the_models_are_there():
    assert Settings().model == "unet"
    assert list(PACKAGES) == [*BLIND, *FOR_SCANS, *FOR_ONE_FACTOR]
    assert chosen(PACKAGES, "unet", "MR") == "unet-mri"
    historical = [name for name, package in PACKAGES.items() if package.card.historical]
    assert historical == list(FOR_ONE_FACTOR)


@pytest.mark.parametrize(
    ("model", "name", "factor"),
    [
        *product(BLIND, ["landscape", "mri"], [0.05, 0.1, 0.2, 0.4]),
        *product(FOR_SCANS, ["mri"], [0.05, 0.1, 0.2, 0.4]),
        ("autoencoder-mri", "mri", 0.4),
        ("autoencoder-photo", "landscape", 0.4),
    ],
)
def test_noise_goes_and_the_picture_stays(denoisers, model, name, factor):
    clean = sample(name)
    noisy = Picture(add_noise(clean, factor, seed=0))
    restored = denoisers(model).submit(noisy).result(60).picture
    gain = psnr(clean, restored.pixels) - psnr(clean, noisy.pixels)
    assert gain > 3


@pytest.mark.parametrize("factor", [0.03, 0.1, 0.2])
def test_the_model_for_scans_is_better_at_their_noise_than_the_default(denoisers, factor):
    clean = sample("mri")
    noisy = Picture(add_noise(clean, factor, kind=NoiseKind.RICIAN, seed=0))
    default, scans = (
        psnr(clean, denoisers(model).submit(noisy).result(60).picture.pixels)
        for model in ("unet", "unet-mri")
    )
    assert scans > default


@pytest.mark.parametrize("model", BLIND)
def test_a_margin_without_noise_leaves_none_in_the_picture_beside_it(denoisers, model):
    clean = sample("landscape", (192, 160))
    noisy = add_noise(clean, 0.1, seed=0)
    page = np.full((300, 320, 3), 255, np.uint8)
    page[60:220, 70:262] = noisy
    restored = denoisers(model).submit(Picture(page)).result(60).picture.pixels
    assert psnr(clean, restored[60:220, 70:262]) > psnr(clean, noisy) + 3
    margin = np.ones(page.shape, np.bool_)
    margin[60:220, 70:262] = False
    assert (restored[margin] == 255).all()


@pytest.mark.parametrize("model", PACKAGES)
def test_sixteen_bits_are_no_worse_than_eight(denoisers, model):
    clean = sample("mri" if model in FOR_SCANS else "landscape")
    scores = []
    for pixels in (clean, clean.astype(np.uint16) * 257):
        noisy = Picture(add_noise(pixels, 0.1, seed=0))
        scores.append(psnr(clean, denoisers(model).submit(noisy).result(60).picture.pixels))
    assert scores[1] > scores[0] - 0.01


@pytest.mark.parametrize("kind", ["light", "perceived", "shot"])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_linear_pictures_gain_by_being_known_as_such(denoisers, kind, dtype):
    seen = sample("landscape").astype(float) / 255
    random = np.random.default_rng(0).normal(size=seen.shape)
    noisy = {
        "light": seen**2.2 + 0.01 * random,
        "perceived": np.clip(seen + 0.05 * random, 0, 1) ** 2.2,
        "shot": seen**2.2 + np.sqrt(0.001 * seen**2.2) * random,
    }[kind]
    full = 65_535 if dtype is np.uint16 else 40.0  # floats whose white is not 1
    pixels = np.clip(noisy * full, 0, full).astype(dtype)

    def score(pixels):
        return psnr(seen, np.clip(pixels / full, 0, 1) ** (1 / 2.2))

    picture = Picture(pixels, metadata=Metadata(linear=True))
    linear, plain = (
        denoisers("unet").submit(picture, Correction(transfer=transfer)).result(60).picture.pixels
        for transfer in ("auto", "perceptual")
    )
    assert (linear.dtype, linear.shape) == (pixels.dtype, pixels.shape)
    assert score(linear) > score(pixels) + 1
    assert score(linear) > score(plain) + 0.3


@pytest.mark.parametrize(
    ("model", "size", "factor", "strays"),
    [
        *((model, (2240, 900), 0.1, 0) for model in BLIND),
        *((model, (2240, 900), 0.4, 1e-5) for model in BLIND),
        *((model, (2240, 2240), 0.4, 1e-5) for model in BLIND),
        *((model, (2240, 900), 0.1, 0) for model in FOR_SCANS),
        *((model, (500, 380), 0.4, 1e-5) for model in FOR_ONE_FACTOR),
    ],
)
def test_tiles_give_the_same_picture_as_the_whole(denoisers, model, size, factor, strays):
    """At most one 8-bit level anywhere, and 0.05 on average, the picture's edges included.

    Under the heaviest noise one sample in a hundred thousand may be two levels off. The whole is
    extended by reflection as far as the tiles are.
    """
    noisy = Picture(add_noise(sample("landscape", size), factor, seed=0))
    denoiser, (width, height) = denoisers(model), size
    tiles = denoiser.tiler.plan(height, width)
    assert len(tiles) > 1
    last = tiles[-1]
    extra = (
        (0, last.rows.start + last.rows.length - height),
        (0, last.columns.start + last.columns.length - width),
        (0, 0),
    )
    extended = np.pad(noisy.pixels, extra, mode="reflect")
    tiled = denoiser.submit(noisy).result(60).picture.pixels.astype(int)
    whole = engines.engine(REFERENCE).load(PACKAGES[model].path, Precision.AUTO, 0)(extended[None])[
        0, :height, :width
    ]
    difference = np.abs(tiled - whole)
    assert (difference > 1).mean() <= strays
    assert difference.max() <= 2
    assert difference.mean() <= 0.05
