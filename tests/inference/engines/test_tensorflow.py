import numpy as np
import pytest

from app.inference.engines import Precision, tensorflow
from app.inference.store import BadModelPackage


def load(path):
    return tensorflow.load(path, Precision.FLOAT32, threads=0)


@pytest.fixture(scope="module")
def forward(models):
    return load(models / "blur" / "model.keras")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_forward_blurs_in_the_type_that_came_in(forward, dtype, channels):
    white = 1.0 if dtype is np.float32 else np.iinfo(dtype).max
    tiles = np.random.default_rng(0).random((2, 6, 8, channels))
    tiles = (tiles * white).astype(dtype)
    result = forward(tiles)
    assert result.dtype == dtype
    assert result.shape == tiles.shape
    windows = np.lib.stride_tricks.sliding_window_view(tiles.astype(np.float64), (3, 3), (1, 2))
    expected = windows.mean((-2, -1))
    tolerance = 1e-6 if dtype is np.float32 else 0.5 + 1e-3
    assert np.abs(result[:, 1:-1, 1:-1].astype(np.float64) - expected).max() <= tolerance


def test_any_number_of_tiles_of_any_size_in_turn(forward):
    for shape in [(1, 1, 1, 3), (5, 64, 32, 3), (2, 8, 8, 3)]:
        assert forward(np.zeros(shape, np.uint8)).shape == shape


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"not a model")
    with pytest.raises(BadModelPackage, match=r"model\.keras cannot be loaded"):
        load(path)


def test_a_model_that_brings_code_is_refused(tmp_path):
    import keras

    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.Lambda(lambda x: x * 0.5)(image))
    path = tmp_path / "model.keras"
    model.save(path)
    with pytest.raises(BadModelPackage, match="cannot be loaded"):
        load(path)
