import keras
import numpy as np
import pytest
from keras import layers

from training.anatomy import anatomy
from training.architectures import build
from training.errors import TrainingError


def test_the_autoencoders_figures():
    figures = anatomy(build("autoencoder", {}))
    by_hand = 9 * (
        256 * 256 * (3 * 256 + 256 * 3)
        + 128 * 128 * (256 * 128 + 128 * 256)
        + 64 * 64 * (128 * 64 + 64 * 128)
    )
    assert figures.gmac == pytest.approx(by_hand / 1e9)
    assert figures.parameters == 751_939
    assert figures.stride == 4
    assert figures.floats_per_pixel == 256


def test_the_widest_layer_counts_what_it_puts_out_for_a_pixel():
    image = keras.Input((None, None, 3))
    half = layers.Conv2D(64, 2, strides=2)(image)
    quarter = layers.Conv2D(128, 2, strides=2)(half)
    network = keras.Model(image, layers.Conv2DTranspose(3, 4, strides=4)(quarter))
    assert anatomy(network).floats_per_pixel == 64 / 4


def test_a_transposed_convolution_multiplies_for_each_input():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 2, strides=2)(image)
    network = keras.Model(image, layers.Conv2DTranspose(3, 2, strides=2)(x))
    assert anatomy(network).gmac == pytest.approx(2 * 128 * 128 * 4 * 3 * 8 / 1e9)


@pytest.mark.parametrize(
    "network",
    [
        build("unet", {"widths": [4, 8], "blocks": [1, 1]}),
        build("unet", {"widths": [4, 8, 8], "blocks": [1, 0, 1]}),
        build("autoencoder", {"encoder": [4, 4]}),
        build("autoencoder", {"encoder": [4, 4, 4]}),
    ],
    ids=lambda network: f"{network.name}-{network.count_params()}",
)
def test_no_pixel_looks_farther_than_the_radius(network):
    """Two pictures that differ in one pixel come out alike beyond the radius around it."""
    figures = anatomy(network)
    weights = np.random.default_rng(1)  # a block is the identity before it has learnt anything
    network.set_weights([weights.normal(0, 0.3, w.shape) for w in network.get_weights()])
    side = -(-2 * figures.radius // figures.stride) * figures.stride + 4 * figures.stride
    random = np.random.default_rng(0)
    picture = random.random((1, side, side, 3)).astype(np.float32)
    farthest = 0
    for shift in range(figures.stride):
        middle = side // 2 + shift
        changed = picture.copy()
        changed[0, middle, middle] += 1e3  # much, so that no ReLU or pool hides it
        difference = np.abs(np.asarray(network(picture)) - np.asarray(network(changed)))
        rows = np.flatnonzero(difference.max(axis=(0, 2, 3)))
        assert rows.min() >= middle - figures.radius
        assert rows.max() <= middle + figures.radius
        farthest = max(farthest, middle - rows.min(), rows.max() - middle)
    assert farthest > figures.radius / 2


@pytest.mark.parametrize(
    "layer",
    [layers.GlobalAveragePooling2D(keepdims=True), layers.LayerNormalization(), layers.Dense(3)],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_that_are_not_local_are_refused(layer):
    image = keras.Input((None, None, 3))
    network = keras.Model(image, layers.Add()([image, layer(image)]))
    with pytest.raises(TrainingError, match=type(layer).__name__):
        anatomy(network)


def half(image):
    return layers.Conv2D(3, 2, strides=2)(image)


@pytest.mark.parametrize(
    ("shape", "output", "words"),
    [
        ((None, None, 1), layers.Conv2D(1, 3, padding="same"), r"not \(None, None, None, 1\)"),
        ((64, 64, 3), layers.Conv2D(3, 3, padding="same"), r"not \(None, 64, 64, 3\)"),
        ((None, None, 3), layers.Conv2D(3, 3), "padding='same'"),
        ((None, None, 3), layers.Conv2DTranspose(3, 3), "padding='same'"),
        ((None, None, 3), half, "not as high and wide"),
        ((None, None, 3), lambda x: layers.Add()([x, half(x)]), "different sizes"),
        ((None, None, 3), lambda x: layers.Concatenate(axis=1)([x, x]), "than channels"),
        ((None, None, 3), layers.UpSampling2D((2, 1)), "another stride down than across"),
        ((None, None, 3), layers.UpSampling2D(interpolation="bicubic"), "interpolates farther"),
    ],
)
def test_networks_that_do_not_give_back_any_picture_in_its_size_are_refused(shape, output, words):
    image = keras.Input(shape)
    with pytest.raises(TrainingError, match=words):
        anatomy(keras.Model(image, output(image)))


def test_a_window_smaller_than_its_stride_needs_no_padding():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 1, strides=2)(image)
    network = keras.Model(image, layers.Conv2DTranspose(3, 2, strides=2)(x))
    assert anatomy(network).stride == 2


def test_the_longer_side_of_a_kernel_counts():
    image = keras.Input((None, None, 3))
    network = keras.Model(image, layers.Conv2D(3, (1, 7), padding="same")(image))
    assert anatomy(network).radius == 3
