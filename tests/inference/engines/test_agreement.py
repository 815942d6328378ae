"""The engines that translate the layers of a network give what TensorFlow, the reference, gives."""

import keras
import numpy as np
import pytest
from keras import layers

from app.inference.engines import installed
from app.inference.store import BadModelPackage
from tests.inference.engines.networks import PACKAGES, load, noisy, reference, saved


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name not in installed(), reason=f"needs pip install 'denoiser[{name}]'"
            ),
        )
        for name in ("openvino", "jax")
    ],
)
def name(request):
    return request.param


@pytest.mark.parametrize("model", PACKAGES)
def test_every_model_gives_what_the_reference_gives(name, model):
    path, tiles = PACKAGES[model].path, np.stack([noisy(64, 64, s) for s in (0.03, 0.3)])
    ours, theirs = (forward(tiles).astype(int) for forward in (load(path, name), reference(path)))
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 1e-3


@pytest.fixture(scope="module")
def fast(name):
    path = PACKAGES["unet-fast"].path
    return load(path, name), reference(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_type_is_rounded_as_the_reference_rounds(fast, dtype, channels):
    white = 1 if dtype is np.float32 else np.iinfo(dtype).max
    tiles = (noisy(64, 64, 0.1, channels) / 255 * white).astype(dtype)[None]
    ours, theirs = (forward(tiles) for forward in fast)
    assert ours.dtype == dtype
    assert ours.shape == tiles.shape
    tolerance = 1e-5 if dtype is np.float32 else 1
    assert np.abs(ours.astype(np.float64) - theirs).max() <= tolerance


def test_all_kinds_of_layers_are_those_of_keras(tmp_path, name):
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 5, strides=2, padding="same", activation="sigmoid")(image)
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal")(x)
    y = layers.UpSampling2D()(layers.MaxPooling2D()(x))
    z = layers.Conv2DTranspose(8, (4, 5), strides=2, padding="same")(
        layers.Conv2D(8, 2, strides=2)(x)
    )
    x = layers.ReLU()(layers.Subtract()([layers.Add()([x, y, z]), y]))
    x = layers.Conv2DTranspose(4, 2, strides=2)(layers.Conv2D(4, 3, strides=2, padding="same")(x))
    clean = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid")(x)
    path = saved(tmp_path, image, clean)
    tiles = np.random.default_rng(0).random((2, 32, 40, 3), np.float32)
    ours, theirs = load(path, name)(tiles), reference(path)(tiles)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        (layers.BatchNormalization(name="odd"), "is a BatchNormalization, which is not known"),
        (layers.Conv2D(3, 3, padding="same", dilation_rate=2, name="odd"), "has dilation_rate="),
        (layers.Conv2D(3, 1, activation="gelu", name="odd"), "has the activation 'gelu'"),
        (layers.PReLU(shared_axes=[1], name="odd"), "has a slope for each pixel"),
    ],
)
def test_a_layer_that_is_not_known_is_named(tmp_path, name, layer, problem):
    image = keras.Input((16, 16, 3))
    path = saved(tmp_path, image, layer(image))
    with pytest.raises(BadModelPackage, match=rf"(?i)by {name}: the layer 'odd' {problem}"):
        load(path, name)
