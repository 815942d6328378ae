import numpy as np
import pytest

from app.inference.engines import Precision, tensorflow
from app.inference.engines.bfloat16 import rewrite_graphs
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


@pytest.fixture
def enlarging():
    """A network that halves its input and enlarges it again, to a picture, by layers of each kind.

    The last one's padding is uneven.
    """
    import keras

    def enlarge(x, filters, size, **options):
        return keras.layers.Conv2DTranspose(filters, size, 2, "same", **options)(x)

    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 8, strides=8, bias_initializer="normal")(image)
    x = enlarge(x, 8, 2, activation="relu", bias_initializer="normal")
    x = enlarge(x, 3, 6, use_bias=False)
    return keras.Model(image, enlarge(x, 3, 3))


def test_enlarging_layers_give_what_they_give_in_keras(enlarging, tmp_path):
    enlarging.save(tmp_path / "model.keras")
    tiles = np.random.default_rng(0).random((2, 16, 24, 3), np.float32)
    expected = np.clip(enlarging(tiles), 0, 1)
    assert 0 < np.mean(expected > 0) < 1
    found = load(tmp_path / "model.keras")(tiles)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.fixture
def bfloat16():
    """Convolutions in bfloat16, where the processor has them, as far as this test goes."""
    rewrite_graphs(True)
    yield
    rewrite_graphs(False)


@pytest.mark.usefixtures("bfloat16")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_without_noise_comes_back_exactly_in_bfloat16(tmp_path, dtype, channels):
    import keras

    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 2, strides=2)(image)
    noise = keras.layers.Conv2DTranspose(3, 2, 2, kernel_initializer="zeros")(x)
    path = tmp_path / "model.keras"
    keras.Model(image, keras.layers.Subtract()([image, noise])).save(path)
    tiles = np.arange(1, 1 + 4 * 8 * channels).reshape(1, 4, 8, channels) * 2
    tiles = (tiles / 255).astype(np.float32) if dtype is np.float32 else tiles.astype(dtype)
    forward = tensorflow.load(path, Precision.BFLOAT16, threads=0)
    np.testing.assert_allclose(forward(tiles), tiles, atol=1e-6)
