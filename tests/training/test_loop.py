import json
import os
import re
import shutil
import signal

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from training.assembly import use_precision
from training.checkpoint import load_network
from training.data import load
from training.errors import TrainingError
from training.files import alone_in
from training.interrupt import heeding
from training.keeper import Keeper
from training.log import read_log
from training.loop import train
from training.progress import duration

QUIET = Console(quiet=True)


def contents(run):
    return {p.name: p.read_bytes() for p in run.iterdir() if not p.name.startswith("events")}


def weights(run):
    return load_network(run).get_weights()


def test_a_run_folder_holds_everything(trained):
    assert sorted(contents(trained)) == [
        "best.keras",
        "data.json",
        "environment.json",
        "experiment.toml",
        "grid.png",
        "last.npz",
        "log.csv",
        "loss.png",
        "model.keras",
        "report.html",
    ]
    assert len(list(trained.glob("events.out.tfevents.*"))) == 1
    for picture in ("grid.png", "loss.png"):
        with Image.open(trained / picture) as image:
            assert image.width > 500
    (start,) = json.loads((trained / "environment.json").read_text())
    assert {"started", "command", "keras", "backend", "numpy", "processor"} <= set(start)
    (folder,) = json.loads((trained / "data.json").read_text())
    assert folder == {"path": ".", "images": 15, "held_out": 5, "skipped": []}


def test_the_log_tells_of_every_epoch(trained):
    rows = read_log(trained / "log.csv")
    assert [(row["epoch"], row["step"]) for row in rows] == [(0, 2), (1, 4)]
    for row in rows:
        assert row["loss"] > 0
        assert row["validation_psnr"] > 0
        assert row["steps_per_second"] > 0


def test_the_saved_network_is_plain(trained):
    network = load_network(trained)
    assert {layer.dtype_policy.name for layer in network.layers} == {"float32"}
    assert not network.compiled
    assert network(np.zeros((1, 16, 24, 3), np.float32)).shape == (1, 16, 24, 3)


def test_a_seed_repeats_a_run_and_one_that_stopped_ends_up_the_same(
    tmp_path, trained, pictures, experiment
):
    """Two epochs at once, against one, and the other after a resume."""
    run = tmp_path / "run"
    train(experiment(steps=2), pictures, run, console=QUIET)
    half = weights(run)
    train(experiment(steps=2), pictures, run, steps=4, resume=True, console=QUIET)
    for a, b, c in zip(weights(trained), weights(run), half, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()
    whole, parts = (read_log(folder / "log.csv") for folder in (trained, run))
    for name in ("loss", "psnr", "validation_loss", "validation_psnr", "learning_rate"):
        assert [row[name] for row in whole] == [row[name] for row in parts]
    assert len(json.loads((run / "environment.json").read_text())) == 2


def test_a_run_that_dies_within_an_epoch_goes_on_there(
    tmp_path, trained, pictures, experiment, monkeypatch
):
    run, source = tmp_path / "run", experiment()
    require_number, seen = Keeper._require_number, []

    def die(keeper, loss):
        require_number(keeper, loss)
        seen.append(keeper.step)
        if keeper.step == 4:
            raise RuntimeError("the power is cut")

    with monkeypatch.context() as patch:
        patch.setattr("training.keeper.CHECKPOINT_SECONDS", 0.0)
        patch.setattr(Keeper, "_require_number", die)
        with pytest.raises(RuntimeError, match="power"):
            train(source, pictures, run, console=QUIET)
    assert seen == [1, 2, 2, 3, 4]
    with np.load(run / "last.npz") as state:
        assert state["epoch"] == 1
    train(source, pictures, run, resume=True, console=QUIET)
    assert [(row["epoch"], row["step"]) for row in read_log(run / "log.csv")] == [(0, 2), (1, 4)]
    for a, b in zip(weights(trained), weights(run), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("step", "epoch"), [(1, 0), (2, 1)])
def test_a_run_that_is_stopped_goes_on_at_that_step(
    tmp_path, trained, pictures, experiment, monkeypatch, step, epoch
):
    """Ctrl-C comes within an epoch, and at its end."""
    run, source = tmp_path / "run", experiment()
    require_number = Keeper._require_number

    def interrupt(keeper, loss):
        require_number(keeper, loss)
        if keeper.step == step and not keeper.is_stopping:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "_require_number", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(source, pictures, run, console=QUIET)
    with np.load(run / "last.npz") as state:
        assert state["epoch"] == epoch
    resumed = []
    monkeypatch.setattr(Keeper, "on_train_begin", lambda keeper, logs: resumed.append(keeper.step))
    train(source, pictures, run, resume=True, console=QUIET)
    assert resumed == [step]
    for a, b in zip(weights(trained), weights(run), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_second_interrupt_stops_at_once(capfd):
    asked = []
    with heeding(lambda: asked.append(1)):
        os.kill(os.getpid(), signal.SIGINT)
        assert asked == [1]
        assert "Ctrl-C again" in capfd.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert asked == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_is_ignored_still_is(monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_IGN)
    with heeding(pytest.fail):
        monkeypatch.undo()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_tells_how_long_it_takes_and_what_comes_next(tmp_path, pictures, experiment, capsys):
    run = tmp_path / "my run"
    train(experiment(), pictures, run, console=Console(width=200))
    output = capsys.readouterr().out
    assert re.search(r"about \d+ s for the steps to 4$", output, re.MULTILINE)
    first, last = re.findall(r"^epoch .*$", output, re.MULTILINE)
    assert re.search(r"\d+ s left$", first)
    assert "left" not in last
    assert f"python -m training package '{run}'" in output.splitlines()[-2]
    assert "4 steps" in (run / "report.html").read_text()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (89, "89 s"), (91, "2 min"), (9000, "2 h 30 min")]
)
def test_durations_are_told_in_words(seconds, words):
    assert duration(seconds) == words


def test_a_run_ends_at_its_last_step_and_one_that_is_prolonged_goes_on_behind_it(
    tmp_path, pictures, experiment
):
    """Three steps of epochs of two, then five, against five at once."""
    for run, lengths in (("parts", (3, 5)), ("whole", (5,))):
        for steps in lengths:
            train(experiment(steps=steps), pictures, tmp_path / run, resume=True, console=QUIET)
    rows = read_log(tmp_path / "parts" / "log.csv")
    assert [(row["epoch"], row["step"]) for row in rows] == [(0, 2), (1, 3), (2, 5)]
    for a, b in zip(weights(tmp_path / "parts"), weights(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_finished_run_is_only_drawn_again(tmp_path, trained, pictures, experiment, capsys):
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "loss.png").unlink()
    (run / ".part-1").write_text("left by a crash")
    source = experiment()
    source.write_text(source.read_text() + "# another comment\n")
    train(source, pictures, run, resume=True, console=Console(width=200))
    after = contents(run)
    assert sorted(after) == sorted(contents(trained))
    assert after["last.npz"] == contents(trained)["last.npz"]
    output = capsys.readouterr().out
    assert "differs from" in output
    assert "holds the network after 4 steps" in output


def test_a_run_can_start_from_a_network_hold_nothing_out_and_tell_how_it_goes(
    tmp_path, trained, pictures, experiment, capsys
):
    folder = shutil.copytree(pictures, tmp_path / "data")
    (folder / "text.png").write_text("not a picture")
    source = experiment(steps=2, rate=1e-30)
    source.write_text(source.read_text().replace("test_share = 0.25", "test_share = 0.0"))
    train(source, folder, tmp_path / "run", start=trained, console=Console(width=200))
    output = capsys.readouterr().out
    assert "20 images to train on, 0 held out" in output
    assert f"skipped {folder / 'text.png'}: " in output
    assert "input alone" in output
    assert "network alone" in output
    assert "epoch 0  step 2  loss 0." in output
    assert "validation" not in output
    assert "step 2/2" in output
    assert not {"best.keras", "grid.png"} & contents(tmp_path / "run").keys()
    for a, b in zip(weights(trained), weights(tmp_path / "run"), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_an_old_run_is_not_overwritten(trained, pictures, experiment):
    before = contents(trained)
    with pytest.raises(TrainingError, match="holds a run: go on with --resume"):
        train(experiment(), pictures, trained, console=QUIET)
    assert contents(trained) == before


def test_a_start_of_another_shape_is_refused(tmp_path, trained, pictures, experiment):
    path = experiment()
    path.write_text(path.read_text().replace("[4, 8]", "[8, 8]"))
    with pytest.raises(TrainingError, match="another shape than the experiment"):
        train(path, pictures, tmp_path / "a", start=trained, console=QUIET)


def test_a_run_that_another_has_begun_meanwhile_is_not_overwritten(
    tmp_path, trained, pictures, experiment, monkeypatch
):
    def load_meanwhile(*args):
        shutil.copytree(trained, tmp_path / "run", dirs_exist_ok=True)
        return load(*args)

    monkeypatch.setattr("training.loop.load", load_meanwhile)
    with pytest.raises(TrainingError, match="holds a run"):
        train(experiment(steps=6), pictures, tmp_path / "run", console=QUIET)
    assert contents(tmp_path / "run") == contents(trained)


def test_an_experiment_may_name_what_to_start_from(tmp_path, trained, pictures, experiment, capsys):
    source = experiment(steps=2)
    source.write_text(f'start = "{trained}"\n' + source.read_text())
    train(source, pictures, tmp_path / "run", console=Console(width=200))
    assert f"weights of {trained}\n" in capsys.readouterr().out
    train(source, pictures, tmp_path / "run", steps=4, resume=True, console=Console(width=200))
    assert "weights of" not in capsys.readouterr().out


def test_a_resume_of_another_network_changes_nothing(tmp_path, trained, pictures, experiment):
    run = shutil.copytree(trained, tmp_path / "run")
    path = experiment(steps=6)
    path.write_text(path.read_text().replace("[4, 8]", "[8, 8]"))
    with pytest.raises(TrainingError, match="is of another network"):
        train(path, pictures, run, resume=True, console=QUIET)
    assert contents(run) == contents(trained)


def test_a_patch_that_the_network_cannot_take_is_refused(tmp_path, pictures, experiment):
    path = experiment()
    path.write_text(path.read_text().replace("patch = 32", "patch = 30"))
    with pytest.raises(TrainingError, match=r"data\.patch is 30: .* multiples of 4"):
        train(path, pictures, tmp_path / "run", console=QUIET)
    assert not (tmp_path / "run").exists()


def test_two_at_once_do_not_train_in_one_folder(tmp_path, pictures, experiment):
    with alone_in(tmp_path / "run"), pytest.raises(TrainingError, match="another process"):
        train(experiment(), pictures, tmp_path / "run", console=QUIET)
    assert not contents(tmp_path / "run")


def test_a_file_whose_name_is_no_text_is_reported(tmp_path, pictures, experiment, capsys):
    folder = shutil.copytree(pictures, tmp_path / "data")
    (folder / os.fsdecode(b"caf\xe9.png")).write_text("not a picture")
    train(experiment(steps=1), folder, tmp_path / "run", console=Console(width=200))
    (found,) = json.loads((tmp_path / "run" / "data.json").read_text())
    (skipped,) = found["skipped"]
    assert skipped["file"] == rf"{folder}/caf\xe9.png"
    assert rf"caf\xe9.png: {skipped['reason']}" in capsys.readouterr().out


@pytest.mark.parametrize(("steps", "step"), [(8, 6), (5, 5)], ids=["in between", "at the end"])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_epoch(
    tmp_path, trained, pictures, experiment, steps, step
):
    run = shutil.copytree(trained, tmp_path / "run")
    with pytest.raises(TrainingError, match=rf"the loss is \w+ after step {step}:"):
        train(experiment(steps=steps, rate=1e30), pictures, run, resume=True, console=QUIET)
    kept = contents(run)
    for name in ("last.npz", "model.keras", "best.keras"):
        assert kept[name] == contents(trained)[name]


def test_a_full_disk_stops_the_run_and_leaves_no_half_written_file(
    tmp_path, trained, pictures, experiment, disk_of
):
    run = shutil.copytree(trained, tmp_path / "run")
    with disk_of(20_000), pytest.raises(OSError, match="File too large"):
        train(experiment(steps=6), pictures, run, resume=True, console=QUIET)
    kept = contents(run)
    assert sorted(kept) == sorted(contents(trained))
    for name in ("last.npz", "model.keras", "best.keras"):
        assert kept[name] == contents(trained)[name]


def test_precision_is_float32_where_the_graph_is_rewritten():
    import tensorflow as tf

    assert use_precision("float32") == "float32"
    assert use_precision("mixed_bfloat16") == "float32"
    options = tf.config.optimizer.get_experimental_options()
    assert options["auto_mixed_precision_onednn_bfloat16"]
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": False})


def test_a_run_learns_from_pairs_beside_noise_that_is_drawn(tmp_path, pictures, experiment):
    """Folders of pairs bring the family `shot`; sizes are checked, and held-out pairs validate."""
    folder = tmp_path / "data"
    random = np.random.default_rng(0)
    for index in range(6):
        clean = random.integers(0, 256, (40, 40, 3), np.uint8)
        for name, pixels in (("clean", clean), ("noisy", 255 - clean)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    Image.new("RGB", (41, 40)).save(folder / "noisy" / "5.png")
    shutil.copytree(pictures, folder / "more")
    source = experiment(steps=2, noise="[noise.white]\n[noise.camera]")
    extra = '[[data.folders]]\nnoisy = "noisy"\nclean = "clean"\ntest_share = 0.2\n'
    text = source.read_text().replace('name = "squares"', 'path = "more"\nname = "squares"')
    source.write_text(
        text.replace("[schedule]", f"{extra}[schedule]").replace("batch = 2", "batch = 6")
    )
    train(source, folder, tmp_path / "run", console=QUIET)
    more, paired = json.loads((tmp_path / "run" / "data.json").read_text())
    assert more["images"] + more["held_out"] == 20
    assert (paired["images"], paired["held_out"]) == (4, 1)
    (skipped,) = paired["skipped"]
    assert "it is 41x40" in skipped["reason"]
    assert read_log(tmp_path / "run" / "log.csv")[0]["validation_psnr"] > 0


def test_a_network_learns_from_itself_seen_from_all_sides(tmp_path, trained, pictures, experiment):
    """It is its own teacher in another process, too: what it wrote is a network like any other."""
    part = f'[distillation]\nteachers = ["{trained}", "{trained}"]\nshare = 0.7\n'
    source = experiment(steps=4, rate=1e-3, extra=part)
    source.write_text(f'start = "{trained}"\nloss = "negative_psnr"\n' + source.read_text())
    train(source, pictures, tmp_path / "run", console=QUIET)
    before, after = (load_network(path) for path in (trained, tmp_path / "run"))
    assert [w.shape for w in after.get_weights()] == [w.shape for w in before.get_weights()]
    assert not np.array_equal(after.get_weights()[0], before.get_weights()[0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patch = 32": "patch = 48"}, "camera noise takes multiples of 32"),
        ({"patch = 32": "patch = 32\nwhole = true"}, "takes one family of noise"),
    ],
)
def test_noise_that_does_not_fit_the_patches_is_refused(
    tmp_path, pictures, experiment, changes, words
):
    source = experiment(noise="")
    for old, new in changes.items():
        source.write_text(source.read_text().replace(old, new))
    with pytest.raises(TrainingError, match=words):
        train(source, pictures, tmp_path / "run", console=QUIET)
