"""OpenVINO gives what TensorFlow, the reference, gives."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from app.imaging.codec import Picture
from app.imaging.metrics import psnr
from app.imaging.noise import add_noise
from app.inference.denoiser import Denoiser
from app.inference.engines import Precision, engine, installed
from app.inference.engines.bfloat16 import has_bfloat16
from app.inference.store import BadModelPackage, read_packages
from app.settings import PROJECT

if "openvino" not in installed():
    pytest.skip("needs OpenVINO: pip install 'denoiser[openvino]'", allow_module_level=True)

PACKAGES = read_packages(PROJECT / "models")
SAMPLE = PROJECT / "app" / "web" / "static" / "samples" / "landscape.png"


def load(path, precision="float32", name="openvino"):
    return engine(name).load(path, Precision(precision), threads=0)


def reference(path):
    return load(path, name="tensorflow")


def noisy(height, width, sigma, channels=3):
    with Image.open(SAMPLE) as image:
        pixels = np.asarray(image.resize((width, height)))[..., :channels]
    return add_noise(pixels, sigma, seed=0)


def in_type(tiles, dtype):
    scaled = tiles.astype(np.float64) / 255 * (1 if dtype is np.float32 else np.iinfo(dtype).max)
    return scaled.astype(dtype)


@pytest.fixture(scope="module")
def forward():
    return load(PACKAGES["unet-fast"].path)


@pytest.fixture(scope="module")
def expected():
    return reference(PACKAGES["unet-fast"].path)


@pytest.mark.parametrize("name", PACKAGES)
def test_every_model_gives_what_the_reference_gives(name):
    path, tiles = PACKAGES[name].path, np.stack([noisy(64, 64, s) for s in (0.03, 0.3)])
    ours, theirs = (engine_(path)(tiles).astype(int) for engine_ in (load, reference))
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 1e-3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_type_is_rounded_as_the_reference_rounds(forward, expected, dtype, channels):
    tiles = in_type(noisy(64, 64, 0.1, channels), dtype)[None]
    ours, theirs = forward(tiles), expected(tiles)
    assert ours.dtype == dtype
    assert ours.shape == tiles.shape
    tolerance = 1e-5 if dtype is np.float32 else 1
    assert np.abs(ours.astype(np.float64) - theirs).max() <= tolerance


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16")
@pytest.mark.parametrize("name", ["unet", "unet-fast"])
def test_bfloat16_stays_near_to_float32(name):
    clean = noisy(128, 128, 0)
    tiles = np.stack([noisy(128, 128, sigma) for sigma in (0.06, 0.3)])
    path = PACKAGES[name].path
    narrow, full = (load(path, precision)(tiles) for precision in ("bfloat16", "float32"))
    difference = narrow.astype(int) - full
    assert np.abs(difference).max() <= 3
    assert abs(difference.mean()) < 0.1
    for ours, theirs in zip(narrow, full, strict=True):
        assert psnr(clean, ours) > psnr(clean, theirs) - 0.02


def test_tiles_give_the_same_picture_as_the_whole():
    package = PACKAGES["unet-fast"]
    pixels = noisy(320, 1200, 0.1)
    # as if its layers were so wide that tiles had to be small
    wide = package.card.model_copy(update={"floats_per_pixel": 150.0})
    denoiser = Denoiser.load(replace(package, card=wide), engine="openvino")
    try:
        assert len(denoiser.plan(320, 1200)) > 1
        tiled = denoiser.submit(Picture(pixels)).result(60).picture.pixels.astype(int)
    finally:
        denoiser.close()
    whole = load(package.path, "auto")(pixels[None])[0]
    difference = np.abs(tiled - whole)
    assert difference.max() <= 1
    assert difference.mean() <= 0.05


def test_any_number_of_tiles_of_any_size_from_many_threads(forward):
    """A tile comes out the same alone, in a batch, again, and beside others."""
    shapes = [(1, 64, 64, 3), (5, 64, 32, 3), (2, 8, 8, 1), (1, 128, 192, 3), (1, 640, 512, 3)]
    batches = [np.random.default_rng(0).integers(0, 256, shape, np.uint8) for shape in shapes]
    alone = [np.concatenate([forward(tile[None]) for tile in batch]) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(forward, batches * 4))
    for index, result in enumerate(found):
        np.testing.assert_array_equal(result, alone[index % len(batches)])


def test_networks_take_turns_with_large_batches():
    tiles = noisy(640, 512, 0.1)[None]
    networks = [load(PACKAGES["unet-fast"].path) for _ in range(2)]
    first = networks[0](tiles)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda n: networks[n % 2](tiles), range(4)))
    for result in found:
        np.testing.assert_array_equal(result, first)


def test_all_kinds_of_layers_are_those_of_keras(tmp_path):
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 5, strides=2, padding="same", activation="sigmoid")(image)
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal")(x)
    y = layers.UpSampling2D()(layers.MaxPooling2D()(x))
    z = layers.Conv2DTranspose(8, (4, 5), strides=2, padding="same")(
        layers.Conv2D(8, 2, strides=2)(x)
    )
    x = layers.ReLU()(layers.Subtract()([layers.Add()([x, y, z]), y]))
    clean = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid")(x)
    path = tmp_path / "model.keras"
    keras.Model(image, clean).save(path)
    tiles = np.random.default_rng(0).random((2, 32, 40, 3), np.float32)
    np.testing.assert_allclose(load(path)(tiles), reference(path)(tiles), atol=1e-5)


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("finds_noise", [False, True])
def test_the_last_layer_may_enlarge_by_any_kernel(tmp_path, size, finds_noise):
    keras.utils.set_random_seed(size)
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 2, strides=2)(image)
    options = {"bias_initializer": "random_normal"}
    x = layers.Conv2DTranspose(3, size, strides=2, padding="same", **options)(x)
    path = tmp_path / "model.keras"
    keras.Model(image, layers.Subtract()([image, x]) if finds_noise else x).save(path)
    tiles = np.random.default_rng(0).random((2, 8, 12, 3), np.float32)
    np.testing.assert_allclose(load(path)(tiles), reference(path)(tiles), atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        (layers.BatchNormalization(name="odd"), "is a BatchNormalization, which is not known"),
        (layers.Conv2D(3, 3, padding="same", dilation_rate=2, name="odd"), "has dilation_rate="),
        (layers.Conv2D(3, 1, activation="gelu", name="odd"), "has the activation 'gelu'"),
        (layers.PReLU(shared_axes=[1], name="odd"), "has a slope for each pixel"),
        (layers.Conv2DTranspose(3, 1, strides=2, name="odd"), "leaves gaps"),
        (layers.Conv2DTranspose(3, 3, strides=2, name="odd"), "does not enlarge by its stride"),
        (layers.Conv2DTranspose(3, 4, strides=(2, 1), padding="same", name="odd"), "does not"),
    ],
)
def test_a_layer_that_is_not_known_is_named(tmp_path, layer, problem):
    image = keras.Input((16, 16, 3))
    path = tmp_path / "model.keras"
    keras.Model(image, layer(image)).save(path)
    with pytest.raises(BadModelPackage, match=rf"by OpenVINO: the layer 'odd' {problem}"):
        load(path)


def test_nothing_of_tensorflow_is_imported_and_nobody_is_told():
    program = f"""
import sys
from pathlib import Path
from app.inference.denoiser import Denoiser
from app.inference.store import read_packages
package = read_packages(Path({str(PROJECT / "models")!r}))["unet-fast"]
Denoiser.load(package, engine="openvino").close()
sys.exit(", ".join({{"tensorflow", "keras", "openvino_telemetry"}} & sys.modules.keys()) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr.decode()
