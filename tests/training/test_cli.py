import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from app.inference.store import read_packages
from app.settings import PROJECT
from training import loop
from training.cli import main


def test_evaluate_prints_a_table(trained, pictures, capsys):
    options = ["--sigma", "25", "50", "--shared", "--limit", "2", "--first"]
    status = main(["evaluate", str(trained), "--rival", "noisy", "--data", str(pictures), *options])
    assert status == 0
    scores, first = capsys.readouterr().out.split("\n\n")
    assert [line.split(" | ")[0][2:] for line in scores.splitlines()[2:]] == [
        str(trained),
        "noisy",
    ] * 2
    assert "one noise plane for all channels, first 2 images" in scores
    assert "RMSE of the first" in first


def test_the_data_set_is_named_after_its_folder(pictures, capsys, monkeypatch):
    monkeypatch.chdir(pictures)
    assert main(["evaluate", "--rival", "noisy", "--data", ".", "--limit", "1"]) == 0
    assert f"| noisy | {pictures.name} (1) |" in capsys.readouterr().out


def test_evaluate_takes_the_trials_of_an_experiment(trained, pictures, capsys):
    trials = ["--trials", str(trained / "experiment.toml")]
    assert main(["evaluate", "--rival", "noisy", "--data", str(pictures), *trials]) == 0
    assert capsys.readouterr().out.count("| squares (5) | ") == 2


def test_evaluate_takes_pairs(pictures, capsys):
    pairs = ["--data", str(pictures), "--pairs", "a", "b"]
    assert main(["evaluate", "--rival", "noisy", *pairs]) == 1
    assert "not one partner each" in capsys.readouterr().err
    pairs = ["--data", str(pictures), "--pairs", "a/*.png", "a/*.png", "--limit", "2"]
    assert main(["evaluate", "--rival", "noisy", *pairs, "--ensemble", "8"]) == 0
    words = "pairs of noisy and clean shots, mean of 8 orientations, first 2 images"
    assert f"(2) | {words} | 0 |" in capsys.readouterr().out


def test_evaluate_draws_what_it_measures_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["--drawn", "1", "--subjects", "flat", "--sigma", "8"]
    texture = ["--part", "chroma", "--blur", "2.5", "--jpeg", "90"]
    assert main(["evaluate", "--rival", "noisy", *options, *texture]) == 0
    row = (
        "| noisy | drawn graphics (1) | noise in chroma alone, blurred by 2.5 px, "
        "clipped and rounded to 8 bits, then JPEG 90 (4:2:0), flat | 8 |"
    )
    assert row in capsys.readouterr().out


def test_report_and_package_follow_a_run(tmp_path, trained, pictures, capsys):
    run = shutil.copytree(trained, tmp_path / "tiny-0.4")
    assert main(["report", str(run), "--data", str(pictures)]) == 0
    assert capsys.readouterr().out.startswith("# tiny\n")
    assert main(["package", str(run), "--models", str(tmp_path / "models")]) == 0
    assert len(read_packages(tmp_path / "models")["tiny-0.4"].card.metrics) == 2
    experiment = ["--experiment", str(run / "experiment.toml"), "--name", "again"]
    assert main(["package", str(run), "--models", str(tmp_path / "models"), *experiment]) == 0
    assert "again" in read_packages(tmp_path / "models")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "none.toml", "--data", "."], "none.toml: No such file"),
        (["evaluate", "--data", "."], "nothing to measure"),
        (["evaluate", "none.keras", "--data", "."], "none.keras cannot be loaded"),
        (["evaluate", "--rival", "median", "--data", "."], "no method 'median'"),
        (["evaluate", "--rival", "noisy", "--data", ".", "--sigma", "256"], "sigmas.0"),
        (["evaluate", "--data", ".", "--trials", "a.toml", "--grey"], "leave out grey"),
        (["package", "none"], "there is no none"),
        (["report", "none", "--data", "."], "No such file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error
    assert error.count("\n") == 1


def test_nothing_else_is_said(tmp_path):
    command = [sys.executable, "-m", "training", "package", str(tmp_path / "nothing")]
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: there is no {tmp_path / 'nothing'}\n"


def test_an_empty_folder_is_an_error(tmp_path, experiment, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    run = tmp_path / "run"
    assert main(["train", str(experiment()), "--data", str(empty), "--run", str(run)]) == 1
    assert capsys.readouterr().err == f"error: no image files below {empty}\n"
    assert not run.exists()


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [
        (OSError(28, "No space left on device", "runs/a/last.npz"), 1, "device: runs/a/last.npz"),
        (OSError("no room"), 1, "error: no room\n"),
        (ModuleNotFoundError("No module", name="jax"), 1, "error: jax is not installed\n"),
        (KeyboardInterrupt(), 130, "--resume"),
    ],
)
def test_train_ends_without_a_traceback(monkeypatch, experiment, capsys, raised, status, words):
    def stop(*_, **__):
        raise raised

    monkeypatch.setattr(loop, "train", stop)
    assert main(["train", str(experiment()), "--data", "."]) == status
    assert words in capsys.readouterr().err


def test_a_stop_of_another_command_tells_nothing_of_runs(monkeypatch, trained, pictures, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.evaluate.score", stop)
    assert main(["evaluate", str(trained), "--data", str(pictures)]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_run_is_named_after_its_experiment(monkeypatch, experiment):
    called: dict[str, Any] = {}
    monkeypatch.setattr(loop, "train", lambda *args, **kwargs: called.update(kwargs, args=args))
    arguments = ["--data", "d", "--resume", "--start", "s.keras", "--steps", "7"]
    assert main(["train", str(experiment()), *arguments]) == 0
    assert called["args"][2].as_posix() == "runs/tiny"
    assert called["resume"]
    assert (called["start"].as_posix(), called["steps"]) == ("s.keras", 7)


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    output = capsys.readouterr().out
    assert all(command in output for command in ("train", "report", "evaluate", "package"))
