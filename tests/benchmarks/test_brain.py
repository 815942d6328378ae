import sys
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import pytest

from app.inference.denoiser import Denoiser
from benchmarks import brain

CLEAN = np.linspace(0, 1, 40**3, dtype=np.float32).reshape(40, 40, 40)


class Nothing:
    """A denoiser that gives everything back as it came."""

    def submit(self, picture, correction):
        assert correction.axes in ("1", "3")
        done: Future[SimpleNamespace] = Future()
        done.set_result(SimpleNamespace(picture=picture))
        return done

    def close(self):
        pass


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command on a small volume; returns its status and table."""
    threads = []
    monkeypatch.setattr(brain, "template", lambda: CLEAN)

    def load(_, **given):
        threads.append(given["threads"])
        return Nothing()

    monkeypatch.setattr(Denoiser, "load", load)

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["brain", *arguments])
        status = brain.main()
        first, _, *rows = capsys.readouterr().out.splitlines()
        assert first.endswith(f"seconds on {threads[0]} threads")
        return status, [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]

    return command


def rival(noisy, **options):
    assert options["patch_radius"] in (1, 2)
    assert options["rician"]
    return np.clip(noisy, 0, options["block_radius"] / 5)


def test_each_method_has_a_column_and_the_default_has_bounds(run, monkeypatch):
    monkeypatch.setattr(brain, "nlmeans", rival)
    status, (names, _, three, five) = run("--percent", "3", "5")

    assert names == ["noise", "noisy", *brain.RIVALS, "slice by slice", "three axes", "at least"]
    assert three[0] == "3%"
    assert float(three[1]) == pytest.approx(30.5, abs=0.5)  # the noise is 3% of white
    assert all(cell.endswith(" s") for cell in three[2:7])
    assert three[-1] == "37.5, **does not hold**"
    assert status == 1
    assert five[-1] == ""  # there is no bound for this noise


def test_a_whole_head_is_to_be_ahead_of_what_is_installed(run, monkeypatch):
    monkeypatch.setattr(brain, "nlmeans", None)
    status, (names, _, row) = run("--percent", "3", "--whole", "--threads", "1")

    assert names == ["noise", "noisy", "slice by slice", "three axes", "at least"]
    assert status == 0
    assert row[-1] == "ahead, holds"


def test_another_model_has_no_bounds(run, monkeypatch):
    monkeypatch.setattr(brain, "nlmeans", None)
    status, (_, _, row) = run("--percent", "3", "--model", "unet-fast")

    assert status == 0
    assert row[-1] == ""


@pytest.mark.parametrize(
    ("ours", "theirs", "kept"), [(37.46, 36, True), (37.44, 36, False), (38, 38.1, False)]
)
def test_three_axes_reach_their_bound_and_are_ahead(ours, theirs, kept):
    scores = {"noisy": 30.0, "dipy's NLM": theirs, "three axes": ours}

    assert brain.holds(scores, 37.5) is kept


def test_the_middle_is_of_so_many_slices():
    volume = np.arange(9, dtype=np.float32)[:, None, None]

    assert brain.middle(volume, 3).ravel().tolist() == [3, 4, 5]
    assert len(brain.middle(volume, 64)) == 9


def test_rician_noise_lifts_what_is_dark():
    dark = brain.rician(np.zeros((30, 30, 30), np.float32), 0.1)

    assert dark.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.02)
