import json
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from app.inference.engines.keras_file import read_layers
from app.inference.store import BadModelPackage


@pytest.fixture
def saved(tmp_path):
    def save(*outputs, image):
        path = tmp_path / "model.keras"
        keras.Model(image, list(outputs) if len(outputs) > 1 else outputs[0]).save(path)
        return path

    return save


def test_layers_come_in_order_with_their_inputs_and_weights(saved):
    image = keras.Input((None, None, 3), name="image")
    first = layers.Conv2D(4, 3, padding="same", name="first")
    second = layers.Conv2D(4, 1, use_bias=False, name="second")
    up = layers.Conv2DTranspose(3, 2, strides=2, name="up")
    x = first(image)
    y = layers.Subtract(name="less")([second(x), x])
    path = saved(up(y), image=image)

    found = {layer.name: layer for layer in read_layers(path)}
    kinds = [layer.kind for layer in found.values()]
    assert kinds == ["InputLayer", "Conv2D", "Conv2D", "Subtract", "Conv2DTranspose"]
    assert found["less"].inputs == ("second", "first")
    assert found["first"].options["padding"] == "same"
    for layer in (first, second, up):
        weights = found[layer.name].weights
        assert len(weights) == len(layer.get_weights())
        for ours, theirs in zip(weights, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_other_models_than_functional_ones_are_refused(tmp_path):
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(3, 1)]).save(path)
    with pytest.raises(BadModelPackage, match="a Sequential model, not a functional one"):
        read_layers(path)


def test_several_outputs_are_refused(saved):
    image = keras.Input((None, None, 3))
    outputs = layers.Conv2D(3, 1)(image), layers.Conv2D(3, 1)(image)
    with pytest.raises(BadModelPackage, match="not the one output"):
        read_layers(saved(*outputs, image=image))


@pytest.mark.parametrize(
    "change",
    [{"module": "somewhere.else"}, {"registered_name": "mine>Layer"}, {"class_name": "Lambda"}],
)
def test_a_layer_that_brings_code_is_refused(saved, tmp_path, change):
    image = keras.Input((None, None, 3))
    path = saved(layers.Conv2D(3, 1, name="odd")(image), image=image)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(entries["config.json"])
    config["config"]["layers"][1] |= change
    entries["config.json"] = json.dumps(config).encode()
    changed = tmp_path / "changed.keras"
    with zipfile.ZipFile(changed, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    with pytest.raises(BadModelPackage, match=r"cannot be loaded: the layer 'odd' brings code"):
        read_layers(changed)


@pytest.mark.parametrize("missing", ["config.json", "model.weights.h5", None])
def test_a_file_that_is_no_model_is_refused(saved, tmp_path, missing):
    path = tmp_path / "broken.keras"
    if missing is None:
        path.write_bytes(b"not a model")
    else:
        image = keras.Input((None, None, 3))
        whole = saved(layers.Conv2D(3, 1)(image), image=image)
        with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, "w") as broken:
            for name in archive.namelist():
                if name != missing:
                    broken.writestr(name, archive.read(name))
    with pytest.raises(BadModelPackage, match=r"broken\.keras cannot be loaded"):
        read_layers(path)
