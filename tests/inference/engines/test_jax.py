"""What is special to JAX; on a processor, for want of an accelerator."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.imaging.picture import Picture
from app.inference.denoiser import Denoiser
from app.inference.engines import Precision, installed, sides
from app.settings import PROJECT
from tests.inference.engines.networks import PACKAGES, load, noisy, reference

if "jax" not in installed():
    pytest.skip("needs pip install 'denoiser[jax]'", allow_module_level=True)

PACKAGE = PACKAGES["unet-fast"]


@pytest.fixture(scope="module")
def forward():
    return load(PACKAGE.path, "jax")


def test_bfloat16_stays_near_to_float32(forward):
    tiles = np.stack([noisy(64, 64, sigma) for sigma in (0.03, 0.3)])
    narrow = load(PACKAGE.path, "jax", Precision.BFLOAT16)(tiles)
    difference = narrow.astype(int) - forward(tiles)
    assert np.abs(difference).max() <= 2
    assert abs(difference.mean()) < 0.06


def test_tiles_give_the_same_picture_as_the_whole():
    pixels = noisy(64, 5000, 0.1)
    denoiser = Denoiser.load(PACKAGE, engine="jax")
    try:
        tiles = denoiser.tiler.plan(64, 5000)
        tiled = denoiser.submit(Picture(pixels)).result(60).picture.pixels.astype(int)
    finally:
        denoiser.close()
    assert len(tiles) > 1
    assert {side for tile in tiles for side in tile.shape} <= set(sides("jax"))
    difference = np.abs(tiled - reference(PACKAGE.path)(pixels[None])[0])
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


def test_a_lack_of_memory_is_reported(forward, monkeypatch):
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
engine("jax").load(Path({str(PACKAGE.path)!r}), Precision.AUTO, 1)
sys.exit(", ".join({{"tensorflow", "keras"}} & sys.modules.keys()) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr.decode()
