import sys

import httpx
import numpy as np
import pytest
from PIL import Image

from benchmarks import quality

CLEAN = np.full((40, 50, 3), 100, np.uint8)


@pytest.fixture
def save(tmp_path):
    def write(name, pixels=CLEAN):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / name)

    return write


@pytest.fixture
def echo(monkeypatch):
    """A service that gives everything back as it came and finds noise of 9 levels."""

    def answer(request):
        headers = {"X-Noise-Sigma": f"{9 / 255:.4f}"}
        return httpx.Response(200, content=request.content, headers=headers)

    client = httpx.Client
    monkeypatch.setattr(
        "benchmarks.quality.httpx.Client",
        lambda **given: client(transport=httpx.MockTransport(answer), **given),
    )


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["quality", *map(str, arguments)])
    quality.main()


def noisy(levels):
    return CLEAN + levels * (np.indices(CLEAN.shape).sum(axis=0) % 2 * 2 - 1)


def test_pairs_are_matched_by_name_and_measured(monkeypatch, echo, save, tmp_path, capsys):
    for name, levels in {"a": 10, "b": 20}.items():
        save(f"{name}_noisy.png", noisy(levels).astype(np.uint8))
        save(f"{name}_clean.png")
    run(monkeypatch, "--pairs", tmp_path / "*_noisy.png", tmp_path / "*_clean.png")
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| a_noisy | 10.00 | 28.13 | 28.13 |")
    assert lines[2].endswith("| 0.90 |")
    assert lines[3].endswith("| 0.45 |")
    assert lines[4].startswith("| mean | 15.00 |")
    assert lines[-1] == "Noise found within 15%: 1 of 2"


def test_pairs_may_be_two_folders(monkeypatch, echo, save, tmp_path, capsys):
    save("noisy/1.png", noisy(9).astype(np.uint8))
    save("clean/1.png")
    run(monkeypatch, "--pairs", tmp_path / "noisy", tmp_path / "clean")
    assert "Noise found within 15%: 1 of 1" in capsys.readouterr().out


def test_drawn_noise_has_a_row_for_each_sigma(monkeypatch, echo, save, tmp_path, capsys):
    save("1.png")
    run(monkeypatch, tmp_path, "--sigmas", 9, 18)
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if "of 1" in line]
    assert [(row[0], row[-1]) for row in rows] == [("| 9", "1 of 1 |"), ("| 18", "0 of 1 |")]


@pytest.mark.parametrize(
    ("clean", "complaint"),
    [("*_none.png", "1 images match"), ("*_small.png", "differ in size")],
)
def test_what_does_not_go_together_is_named(
    monkeypatch, echo, save, tmp_path, capsys, clean, complaint
):
    save("a_noisy.png")
    save("a_small.png", CLEAN[1:])
    with pytest.raises(SystemExit):
        run(monkeypatch, "--pairs", tmp_path / "*_noisy.png", tmp_path / clean)
    assert complaint in capsys.readouterr().err


def test_drawings_without_noise_are_held_against_what_comes_back(monkeypatch, echo, capsys):
    run(monkeypatch, "--drawn")
    rows = capsys.readouterr().out.splitlines()[2:]
    assert rows == [
        "| all kinds | 24 | 60.0 | 60.0 | 0 |",
        "| flat colours | 24 | 60.0 | 60.0 | 0 |",
    ]
