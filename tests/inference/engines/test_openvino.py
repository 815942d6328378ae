"""What is special to OpenVINO."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from app.imaging.metrics import psnr
from app.imaging.picture import Picture
from app.inference.denoiser import Denoiser
from app.inference.engines import Precision, installed
from app.inference.engines.bfloat16 import has_bfloat16
from app.inference.store import BadModelPackage
from app.settings import PROJECT
from tests.inference.engines.networks import PACKAGES, load, noisy, reference, saved

if "openvino" not in installed():
    pytest.skip("needs pip install 'denoiser[openvino]'", allow_module_level=True)

from app.inference.engines import compiled
from app.inference.engines.runtime import CORE


@pytest.fixture(scope="module")
def forward():
    return load(PACKAGES["unet-fast"].path, "openvino")


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16")
@pytest.mark.parametrize("name", ["unet", "unet-fast"])
def test_bfloat16_stays_near_to_float32(name):
    clean = noisy(128, 128, 0)
    tiles = np.stack([noisy(128, 128, sigma) for sigma in (0.06, 0.3)])
    precisions = (Precision.BFLOAT16, Precision.FLOAT32)
    narrow, full = (load(PACKAGES[name].path, "openvino", each)(tiles) for each in precisions)
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
        assert len(denoiser.tiler.plan(320, 1200)) > 1
        tiled = denoiser.submit(Picture(pixels)).result(60).picture.pixels.astype(int)
    finally:
        denoiser.close()
    whole = load(package.path, "openvino", Precision.AUTO)(pixels[None])[0]
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


def test_batches_are_the_same_once_their_shape_is_frequent(monkeypatch):
    """More shapes than are kept, each compiled for at once, or never."""
    shapes = [(1, 64, 8 * columns, channels) for columns in range(1, 7) for channels in (3, 1)]
    shapes += [(3, 64, 64, 3), (1, 640, 512, 3)]
    batches = [np.random.default_rng(0).integers(0, 256, shape, np.uint8) for shape in shapes]

    def results(frequent):
        monkeypatch.setattr(compiled, "FREQUENT", frequent)
        forward = load(PACKAGES["unet-fast"].path, "openvino", Precision.AUTO)
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(forward, batches * 2))

    for never, at_once in zip(results(1 << 40), results(1), strict=True):
        np.testing.assert_array_equal(at_once, never)


def test_only_frequent_shapes_are_compiled_for_and_only_the_last_are_kept(monkeypatch):
    shapes = []

    class Recorder:
        def compile_model(self, model, *given):
            shapes.append(str(model.input().partial_shape))
            return CORE.compile_model(model, *given)

    monkeypatch.setattr(compiled, "CORE", Recorder())
    monkeypatch.setattr(compiled, "FREQUENT", 3 * 64 * 64)
    forward = load(PACKAGES["unet-fast"].path, "openvino")

    def came(n, width=64):
        before = len(shapes)
        forward(np.zeros((n, 64, width, 3), np.uint8))
        return shapes[before:]

    assert [came(1), came(1), came(1), came(1)] == [["[?,?,?,3]"], [], ["[1,64,64,3]"], []]
    assert [came(1, 32), came(2), came(1, 32), came(2)] == [[], [], [], ["[2,64,64,3]"]]
    for width in (192, 256, 320):  # which push out the first, and are frequent at once
        assert came(1, width) == [f"[1,64,{width},3]"]
    assert [came(2), came(1), came(1), came(1)] == [[], [], [], ["[1,64,64,3]"]]


def test_networks_take_turns_with_large_batches():
    tiles = noisy(640, 512, 0.1)[None]
    networks = [load(PACKAGES["unet-fast"].path, "openvino") for _ in range(2)]
    first = networks[0](tiles)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda n: networks[n % 2](tiles), range(4)))
    for result in found:
        np.testing.assert_array_equal(result, first)


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("finds_noise", [False, True])
def test_the_last_layer_may_enlarge_by_any_kernel(tmp_path, size, finds_noise):
    keras.utils.set_random_seed(size)
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 2, strides=2)(image)
    options = {"bias_initializer": "random_normal"}
    x = layers.Conv2DTranspose(3, size, strides=2, padding="same", **options)(x)
    path = saved(tmp_path, image, layers.Subtract()([image, x]) if finds_noise else x)
    tiles = np.random.default_rng(0).random((2, 8, 12, 3), np.float32)
    ours, theirs = load(path, "openvino")(tiles), reference(path)(tiles)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "options", "problem"),
    [
        (1, {"strides": 2}, "leaves gaps"),
        (3, {"strides": 2}, "does not enlarge by its stride"),
        (4, {"strides": (2, 1), "padding": "same"}, "does not enlarge by its stride"),
    ],
)
def test_an_enlargement_that_squares_cannot_make_is_named(tmp_path, size, options, problem):
    image = keras.Input((16, 16, 3))
    path = saved(tmp_path, image, layers.Conv2DTranspose(3, size, name="odd", **options)(image))
    with pytest.raises(BadModelPackage, match=rf"by OpenVINO: the layer 'odd' {problem}"):
        load(path, "openvino")


def test_neither_tensorflow_nor_telemetry_is_imported():
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


def test_signals_are_handled_after_networks_are_dropped():
    program = f"""
import os, signal, sys
from pathlib import Path
import numpy as np
from app.inference.engines import Precision
from app.inference.engines.openvino import load
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))
path = Path({str(PACKAGES["unet-fast"].path)!r})
networks = [load(path, Precision.FLOAT32, 1) for _ in range(2)]
for network in networks:
    network(np.zeros((1, 16, 16, 3), np.uint8))
while networks:
    del network
    network = networks.pop(0)
del network
os.kill(os.getpid(), signal.SIGUSR1)
sys.exit("the signal was not handled")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=PROJECT)
    assert done.returncode == 0, done
