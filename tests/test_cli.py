import re

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.settings import Settings


@pytest.fixture
def picture(tmp_path):
    """Saves a picture of random pixels."""

    def save(name="in.png", mode="RGB"):
        pixels = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
        Image.fromarray(pixels).convert(mode).save(tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture(autouse=True)
def environment(monkeypatch, models):
    monkeypatch.setenv("DENOISER_MODELS_DIR", str(models))
    monkeypatch.setenv("DENOISER_MODEL", "blur")


def run(*arguments):
    return main([str(argument) for argument in arguments])


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_denoise_does_what_the_service_does(picture, tmp_path):
    source, target = picture(), tmp_path / "out.png"
    assert run("denoise", source, "-o", target) == 0
    x = pixels(source).astype(float)
    blurred = sum(x[1 + i : 8 + i, 1 + j : 11 + j] for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
    assert np.abs(pixels(target)[1:-1, 1:-1] - blurred).max() < 3


def test_denoise_at_strength_zero(picture, tmp_path):
    source, target = picture(), tmp_path / "out.tif"
    assert run("denoise", source, "-o", target, "--strength", 0) == 0
    assert np.array_equal(pixels(target), pixels(source))
    assert target.read_bytes()[:2] in (b"II", b"MM")


def test_several_pictures_go_into_a_folder(picture, tmp_path):
    sources = [picture("a.png"), picture("b.bmp"), picture("c.jpg")]
    assert run("denoise", *sources, "-o", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "c.jpg"]


def test_noise_can_be_repeated(picture, tmp_path):
    source = picture("in.jpg")
    for name in ("one", "two"):
        assert run("noise", source, "-o", tmp_path / f"{name}.png", "--seed", 3) == 0
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    (tmp_path / "folder").mkdir()
    assert run("noise", source, "-o", tmp_path / "folder", "--factor", 0.1) == 0
    assert (tmp_path / "folder" / "in.png").exists()


def test_a_bad_file_does_not_stop_the_rest(picture, tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"rubbish")
    absent = tmp_path / "absent.png"
    good = picture("good.png")
    assert run("noise", tmp_path / "bad.png", absent, good, "-o", tmp_path / "out") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]
    complaints = capsys.readouterr().err
    assert "bad.png: Not an image" in complaints
    assert "absent.png" in complaints


def test_the_input_is_never_overwritten(picture, tmp_path, capsys):
    source = picture()
    before = source.read_bytes()
    assert run("noise", source, "-o", source) == 1
    assert run("noise", source, "-o", tmp_path) == 1
    assert source.read_bytes() == before
    assert "would replace the input" in capsys.readouterr().err


def test_a_suffix_that_means_no_format(picture, tmp_path, capsys):
    assert run("noise", picture(), "-o", tmp_path / "out.xyz") == 1
    assert "is not a format" in capsys.readouterr().err


def test_an_unknown_model(picture, tmp_path, capsys):
    assert run("denoise", picture(), "-o", tmp_path / "out.png", "--model", "vgg") == 1
    assert "there is no model 'vgg'; these are: blur" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "required"),
        (["noise", "in.png"], "-o/--output"),
        (["noise", "in.png", "-o", "out.png", "--factor", "7"], "--factor: Input should be less"),
        (["serve", "--port", "x"], r"--port \(DENOISER_PORT\): Input should be a valid integer"),
    ],
)
def test_misuse(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2
    assert re.search(complaint, capsys.readouterr().err)


def test_serve_hands_its_flags_on(monkeypatch):
    served: list[Settings] = []
    monkeypatch.setattr("app.server.serve", served.append)
    monkeypatch.setattr("app.logs.configure_logs", lambda *_: None)
    assert run("serve", "--host", "0.0.0.0", "--port", 9000, "--log-level", "debug") is None
    (settings,) = served
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 9000, "debug")
    assert settings.model == "blur"


def test_every_setting_is_a_flag_of_serve(capsys):
    with pytest.raises(SystemExit):
        run("serve", "--help")
    described = capsys.readouterr().out
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')}" in described
