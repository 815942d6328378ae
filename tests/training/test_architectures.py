import keras
import numpy as np
import pytest

from training.architectures import ARCHITECTURES, build
from training.errors import TrainingError


def test_the_autoencoder_is_the_articles_layer_for_layer():
    network = build("autoencoder", {})
    found = [
        (type(layer).__name__, getattr(layer, "filters", None)) for layer in network.layers[1:]
    ]
    assert found == [
        ("Conv2D", 256),
        ("MaxPooling2D", None),
        ("Conv2D", 128),
        ("MaxPooling2D", None),
        ("Conv2D", 64),
        ("Conv2D", 128),
        ("UpSampling2D", None),
        ("Conv2D", 256),
        ("UpSampling2D", None),
        ("Conv2D", 3),
    ]
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert {layer.padding for layer in convolutions} == {"same"}
    activations = [layer.activation.__name__ for layer in convolutions]
    assert activations == ["relu"] * 5 + ["sigmoid"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_picture_keeps_its_size(name):
    options = {"unet": {"widths": [4, 8], "blocks": [1, 1]}, "autoencoder": {"encoder": [8, 4]}}
    network = build(name, options[name])
    assert network(np.zeros((1, 16, 24, 3), np.float32)).shape == (1, 16, 24, 3)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_last_layer_is_float32_under_any_policy(name):
    before = keras.config.dtype_policy()
    network = build(name, {}, "mixed_bfloat16")
    assert network.layers[-1].dtype_policy.name == "float32"
    assert network.layers[1].dtype_policy.name == "mixed_bfloat16"
    assert keras.config.dtype_policy() == before


def test_what_is_not_known_is_named():
    with pytest.raises(TrainingError, match=r"no architecture 'vit'; there is autoencoder, unet"):
        build("vit", {})
    with pytest.raises(TrainingError, match=r"'unet': .*depth"):
        build("unet", {"depth": 3})
    with pytest.raises(TrainingError, match=r"'unet': as many widths as blocks"):
        build("unet", {"widths": [4, 8], "blocks": [1]})
