from pathlib import Path

import keras
import numpy as np
import pytest

from training.architectures import build
from training.checkpoint import (
    copy_averaged,
    load_network,
    load_state,
    save_network,
    save_state,
    take_weights,
)
from training.errors import TrainingError

OPTIONS = {"widths": [4, 8], "blocks": [1, 1]}


def learner(ema=True, seed=0, **options):
    keras.utils.set_random_seed(seed)
    network = build("unet", OPTIONS | options)
    optimizer = keras.optimizers.Adam(1e-2, use_ema=ema, ema_momentum=0.5)
    network.compile(optimizer, "mean_absolute_error")
    optimizer.build(network.trainable_variables)
    return network


def fit(network):
    batch = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    network.train_on_batch(batch, batch / 2)


def values(network):
    return [np.asarray(v) for v in (*network.variables, *network.optimizer.variables)]


def test_a_state_comes_back_whole(tmp_path):
    network = learner()
    fit(network)
    save_state(network, 5, tmp_path / "last.npz")
    other = learner(seed=1)
    assert load_state(other, tmp_path / "last.npz") == 5
    for a, b in zip(values(network), values(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("change", [{"ema": False}, {"widths": [4, 4]}])
def test_the_state_of_something_else_is_refused(tmp_path, change):
    save_state(learner(), 1, tmp_path / "last.npz")
    other = learner(**change)
    before = values(other)
    with pytest.raises(TrainingError, match="another network or optimizer"):
        load_state(other, tmp_path / "last.npz")
    for a, b in zip(before, values(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("ema", [True, False])
def test_a_twin_gets_the_average_and_the_network_keeps_its_weights(ema):
    network, twin = learner(ema), build("unet", OPTIONS)
    averages = first = network.get_weights()
    for _ in range(3):
        fit(network)
        share = 0.5 if averages is not first else 0.0  # the first step sets the average
        averages = [
            share * a + (1 - share) * w
            for a, w in zip(averages, network.get_weights(), strict=True)
        ]
    live = network.get_weights()
    copy_averaged(network, network, twin)
    for a, b in zip(live, network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(averages if ema else live, twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_saved_network_gives_the_same_pixels(tmp_path):
    network = build("unet", OPTIONS)
    save_network(network, tmp_path / "model.keras")
    picture = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    for place in (tmp_path, tmp_path / "model.keras"):
        again = load_network(place)
        np.testing.assert_array_equal(np.asarray(network(picture)), np.asarray(again(picture)))


def test_the_models_of_the_project_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_network(Path("models/unet-fast")).count_params() > 10_000
    (tmp_path / "models" / "unet-fast").mkdir(parents=True)
    save_network(build("unet", OPTIONS), tmp_path / "models" / "unet-fast" / "model.keras")
    assert load_network(Path("models/unet-fast")).count_params() < 10_000


def test_what_is_no_network_is_named(tmp_path):
    (tmp_path / "text.keras").write_text("no network")
    for path in (tmp_path / "text.keras", tmp_path / "none.keras", tmp_path):
        with pytest.raises(TrainingError, match=r"\.keras cannot be loaded"):
            load_network(path)


def test_a_larger_network_goes_on_from_a_smaller_one_and_the_other_way_round():
    small, large = ({"widths": [4, 8], "blocks": [count, 1]} for count in (1, 2))
    picture = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    start, grown = build("unet", small), build("unet", large)
    for weight in start.weights:
        weight.assign(np.random.default_rng(1).normal(0, 0.2, weight.shape))
    fresh = take_weights(grown, start)
    assert fresh == ["down0_1_a", "down0_1_b", "up0_1_a", "up0_1_b"]
    np.testing.assert_allclose(grown(picture), start(picture), atol=1e-6)
    again = build("unet", small)
    assert take_weights(again, grown) == []
    np.testing.assert_allclose(again(picture), start(picture), atol=1e-6)


def test_a_network_of_other_layers_is_no_start():
    network = build("unet", {"widths": [4, 8], "blocks": [1, 1]})
    with pytest.raises(TrainingError, match="no layer of the experiment's"):
        take_weights(network, build("autoencoder", {"encoder": [8, 4]}))
