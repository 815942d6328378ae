import logging

import pytest

from app.inference import engines
from app.inference.engines import Precision, choice, trial
from app.inference.store import BadModelPackage


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(choice, "_decided", {})


class Stand:
    """An engine that loads any model, or none."""

    def __init__(self, name, loads=True):
        self.name, self.loads = name, loads

    def load(self, path, precision, threads):
        if not self.loads:
            raise BadModelPackage(f"{path} cannot be loaded by {self.name}")
        return lambda tiles: tiles


@pytest.fixture
def offered(monkeypatch):
    """Engines that are installed, with the seconds of their trials, and whether they load."""

    def offer(openvino_loads=True, plugins=(), **seconds):
        stands = {
            "tensorflow": Stand("tensorflow"),
            "openvino": Stand("openvino", openvino_loads),
            "jax": Stand("jax"),
        }
        monkeypatch.setattr(engines, "installed", lambda: list(seconds))
        monkeypatch.setattr(engines, "engine", stands.__getitem__)
        monkeypatch.setattr(engines, "entry_points", lambda group: plugins)
        monkeypatch.setattr(trial, "compare", lambda names, *_: {n: seconds[n] for n in names})

    return offer


def chosen(path, wanted="auto"):
    return choice.load(path, wanted, Precision.FLOAT32, 0)[0]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"tensorflow": 0.2, "openvino": 0.1}, "openvino"),
        ({"tensorflow": 0.1, "openvino": 0.2}, "tensorflow"),
        ({"tensorflow": float("inf"), "openvino": float("inf")}, "tensorflow"),
        ({"openvino": 0.1}, "openvino"),
        ({"tensorflow": 0.1}, "tensorflow"),
        ({}, "tensorflow"),
        ({"tensorflow": 0.2, "jax": 0.1}, "tensorflow"),
        ({"tensorflow": 0.2, "jax": 0.1, "plugins": ["xla_cuda13"]}, "jax"),
        ({"tensorflow": 0.1, "jax": 0.2, "plugins": ["xla_cuda13"]}, "tensorflow"),
        ({"jax": 0.1}, "jax"),
    ],
)
def test_auto_takes_the_fastest_that_is_installed(offered, tmp_path, seconds, expected):
    offered(**seconds)
    assert chosen(tmp_path) == expected


def test_the_one_that_is_named_is_taken_whatever_its_speed(offered, tmp_path):
    offered(tensorflow=0.1, openvino=9.9)
    assert chosen(tmp_path, "openvino") == "openvino"


def test_the_log_tells_the_times_once(offered, tmp_path, caplog):
    offered(tensorflow=0.2, openvino=0.1)
    with caplog.at_level(logging.INFO):
        chosen(tmp_path), chosen(tmp_path)
    assert caplog.messages == ["engine openvino: a trial takes tensorflow 200 ms, openvino 100 ms"]


def test_the_first_model_decides_for_all(offered, tmp_path, caplog):
    offered(tensorflow=0.2, openvino=0.1)
    with caplog.at_level(logging.INFO):
        assert chosen(tmp_path / "unet") == "openvino"
        offered(tensorflow=0.1, openvino=0.2)
        assert chosen(tmp_path / "unet-fast") == "openvino"
    assert len(caplog.messages) == 1


def test_what_the_fastest_cannot_load_runs_on_the_reference(offered, tmp_path):
    offered(openvino_loads=False, tensorflow=0.2, openvino=0.1)
    assert chosen(tmp_path) == "tensorflow"


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [("openvino", {"tensorflow": 0.2, "openvino": 0.1}), ("auto", {"openvino": 0.1})],
)
def test_what_has_no_other_engine_is_refused(offered, tmp_path, wanted, seconds):
    offered(openvino_loads=False, **seconds)
    with pytest.raises(BadModelPackage, match="cannot be loaded by openvino"):
        chosen(tmp_path, wanted)
