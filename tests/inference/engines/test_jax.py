"""JAX gives what TensorFlow, the reference, gives; on a processor, for want of an accelerator."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from app.imaging.codec import Picture
from app.imaging.noise import add_noise
from app.inference.denoiser import Denoiser
from app.inference.engines import Precision, engine, installed, sides
from app.inference.store import BadModelPackage, read_packages
from app.settings import PROJECT

if "jax" not in installed():
    pytest.skip("needs JAX: pip install 'denoiser[jax]'", allow_module_level=True)

PACKAGES = read_packages(PROJECT / "models")
SAMPLE = PROJECT / "app" / "web" / "static" / "samples" / "landscape.png"


def load(path, precision=Precision.FLOAT32, name="jax"):
    return engine(name).load(path, precision, threads=0)


def reference(path):
    return load(path, name="tensorflow")


def noisy(height, width, sigma, channels=3):
    with Image.open(SAMPLE) as image:
        pixels = np.asarray(image.resize((width, height)))[..., :channels]
    return add_noise(pixels, sigma, seed=0)


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
    white = 1 if dtype is np.float32 else np.iinfo(dtype).max
    tiles = (noisy(64, 64, 0.1, channels) / 255 * white).astype(dtype)[None]
    ours, theirs = forward(tiles), expected(tiles)
    assert ours.dtype == dtype
    assert ours.shape == tiles.shape
    tolerance = 1e-5 if dtype is np.float32 else 1
    assert np.abs(ours.astype(np.float64) - theirs).max() <= tolerance


def test_bfloat16_stays_near_to_float32():
    path = PACKAGES["unet-fast"].path
    tiles = np.stack([noisy(64, 64, sigma) for sigma in (0.03, 0.3)])
    difference = load(path, Precision.BFLOAT16)(tiles).astype(int) - load(path)(tiles)
    assert np.abs(difference).max() <= 2
    assert abs(difference.mean()) < 0.06


def test_tiles_give_the_same_picture_as_the_whole():
    package, pixels = PACKAGES["unet-fast"], noisy(64, 5000, 0.1)
    denoiser = Denoiser.load(package, engine="jax")
    try:
        tiles = denoiser.plan(64, 5000)
        tiled = denoiser.submit(Picture(pixels)).result(60).picture.pixels.astype(int)
    finally:
        denoiser.close()
    assert len(tiles) > 1
    assert {side for tile in tiles for side in tile.shape} <= set(sides("jax"))
    difference = np.abs(tiled - reference(package.path)(pixels[None])[0])
    assert difference.max() <= 1
    assert difference.mean() <= 0.05


def test_any_number_of_tiles_from_many_threads(forward):
    """A tile comes out the same alone, in a batch, again, and beside others."""
    shapes = [(1, 64, 64, 3), (3, 64, 64, 3), (5, 64, 64, 3), (2, 8, 64, 1)]
    batches = [np.random.default_rng(0).integers(0, 256, shape, np.uint8) for shape in shapes]
    alone = [np.concatenate([forward(tile[None]) for tile in batch]) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(forward, batches * 3))
    for index, result in enumerate(found):
        difference = result.astype(int) - alone[index % len(batches)]
        assert np.abs(difference).max() <= 1  # another number of tiles is another program


def test_all_kinds_of_layers_are_those_of_keras(tmp_path):
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 5, strides=2, padding="same", activation="sigmoid")(image)
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal")(x)
    y = layers.UpSampling2D()(layers.MaxPooling2D()(x))
    z = layers.Conv2DTranspose(8, 4, strides=2, padding="same")(layers.Conv2D(8, 2, strides=2)(x))
    x = layers.ReLU()(layers.Subtract()([layers.Add()([x, y, z]), y]))
    x = layers.Conv2DTranspose(4, 2, strides=2)(layers.Conv2D(4, 3, strides=2, padding="same")(x))
    clean = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid")(x)
    path = tmp_path / "model.keras"
    keras.Model(image, clean).save(path)
    tiles = np.random.default_rng(0).random((2, 32, 40, 3), np.float32)
    np.testing.assert_allclose(load(path)(tiles), reference(path)(tiles), atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        (layers.BatchNormalization(name="odd"), "is a BatchNormalization, which is not known"),
        (layers.Conv2D(3, 3, padding="same", dilation_rate=2, name="odd"), "has dilation_rate="),
        (layers.Conv2D(3, 1, activation="gelu", name="odd"), "has the activation 'gelu'"),
        (layers.PReLU(shared_axes=[1], name="odd"), "has a slope for each pixel"),
    ],
)
def test_a_layer_that_is_not_known_is_named(tmp_path, layer, problem):
    image = keras.Input((16, 16, 3))
    path = tmp_path / "model.keras"
    keras.Model(image, layer(image)).save(path)
    with pytest.raises(BadModelPackage, match=rf"by JAX: the layer 'odd' {problem}"):
        load(path)


def test_too_little_memory_is_told(forward, monkeypatch):
    jax = pytest.importorskip("jax")

    def put(tiles):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr(jax, "device_put", put)
    with pytest.raises(MemoryError, match="too little memory"):
        forward(np.zeros((1, 8, 8, 3), np.uint8))


def test_nothing_of_tensorflow_is_imported():
    program = f"""
import sys
from pathlib import Path
from app.inference.engines import Precision, engine
engine("jax").load(Path({str(PACKAGES["unet-fast"].path)!r}), Precision.AUTO, 1)
sys.exit(", ".join({{"tensorflow", "keras"}} & sys.modules.keys()) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr.decode()
