import logging
import math

import pytest

from app.inference import engines
from app.inference.engines import Precision, choice, trial

FAKE = """
import sys, time
sys.path[:] = {sys_path!r}
from app.inference.engines.trial import BATCHES, take_turns
ran = 0
def forward(tiles):
    global ran
    ran += 1
    turn = (ran - 1) // len(BATCHES)  # of which the first warms up
    time.sleep(PLANS[{name!r}](turn) / len(BATCHES))
take_turns(forward)
"""


@pytest.fixture
def entered(monkeypatch):
    """Offer engines that take so many seconds in each turn, by expressions of its number."""

    def enter(**plans):
        functions = ", ".join(f"{name!r}: lambda turn: {plan}" for name, plan in plans.items())
        monkeypatch.setattr(trial, "START", f"PLANS = dict({{{{{functions}}}}})" + FAKE)
        monkeypatch.setattr(engines, "suitable", lambda: list(plans))
        monkeypatch.setattr(engines, "engine", lambda name: trial)
        monkeypatch.setattr(trial, "load", lambda *_: lambda tiles: tiles, raising=False)

    monkeypatch.setattr(choice, "_decided", {})
    return enter


def chosen(path):
    return choice.load(path, "auto", Precision.FLOAT32, 1)[0]


def test_an_engine_that_others_slow_in_most_turns_is_known_by_its_quickest(
    entered, tmp_path, caplog
):
    entered(tensorflow="0.1", openvino="0.4 if turn in (0, 1, 3) else 0.003")
    with caplog.at_level(logging.INFO):
        assert chosen(tmp_path) == "openvino"
    (message,) = caplog.messages
    assert message.startswith("engine openvino: a trial takes tensorflow 10")


@pytest.mark.parametrize(("failure", "why"), [("1 / 0", "ZeroDivisionError"), ("sys.exit(3)", "")])
def test_an_engine_that_fails_is_the_slowest(entered, tmp_path, caplog, failure, why):
    entered(openvino=f"{failure} if turn == 2 else 0.001", tensorflow="0.1")
    assert chosen(tmp_path) == "tensorflow"
    (message,) = caplog.messages
    assert "engine openvino has failed its trial" in message
    assert why in message


def test_an_engine_may_say_as_much_as_it_likes(entered, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "LONGEST", 30.0)  # a test, unlike a service, cannot wait for long
    entered(openvino="sys.stderr.write('as I said ' * 10**4) * 0")
    found = trial.compare(["openvino"], tmp_path, Precision.FLOAT32, 1)
    assert 0 < found["openvino"] < math.inf


def test_an_engine_that_hangs_is_given_up(entered, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "LONGEST", 1.0)
    entered(openvino="60", tensorflow="0.001")
    assert trial.compare(["openvino"], tmp_path, Precision.FLOAT32, 1) == {"openvino": math.inf}


@pytest.mark.skipif("openvino" not in engines.installed(), reason="needs OpenVINO")
def test_a_real_engine_takes_some_time(models):
    path = models / "blur" / "model.keras"
    found = trial.compare(["openvino"], path, Precision.FLOAT32, 1)
    assert 0 < found["openvino"] < math.inf


def test_an_engine_without_a_file_fails(tmp_path, caplog):
    found = trial.compare(["openvino"], tmp_path / "none", Precision.FLOAT32, 1)
    assert found == {"openvino": math.inf}
    assert "engine openvino has failed its trial" in caplog.text
