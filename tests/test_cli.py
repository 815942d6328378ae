import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.imaging.picture import Format
from app.inference.store import BadModelPackage
from app.sandbox.remote import Remote
from app.service.keys import hash_of
from app.settings import PROJECT, Settings
from tests.fidelity.files import FILM

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def picture(tmp_path):
    """Saves a picture of random pixels."""

    def save(name="in.png", mode="RGB"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
        Image.fromarray(pixels).convert(mode).save(tmp_path / name)
        return tmp_path / name

    return save


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt, 130), (BadModelPackage("x"), 1)])
def test_it_ends_without_a_traceback(monkeypatch, picture, tmp_path, capsys, raised, code):
    def stop(*_, **__):
        raise raised

    monkeypatch.setattr("app.files.command.find", stop)
    assert run("noise", picture(), "-o", tmp_path / "out.png") == code
    assert capsys.readouterr().err.startswith("denoiser: ")


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


def test_colour_has_a_strength_of_its_own(picture, tmp_path):
    source = picture()
    for name, shares in {
        "full": (),
        "half": ("--strength", 0.5),
        "same": ("--strength", 0.5, "--colour-strength", 0.5),
        "grain": ("--strength", 0.5, "--colour-strength", 1),
    }.items():
        assert run("denoise", source, "-o", tmp_path / f"{name}.png", *shares) == 0
    full, half, same, grain = (
        pixels(tmp_path / f"{name}.png").astype(float) for name in ("full", "half", "same", "grain")
    )
    assert np.array_equal(half, same)
    luma = ((full - pixels(source)) @ [0.299, 0.587, 0.114])[..., None]
    assert np.abs(grain - np.clip(full - luma / 2, 0, 255)).max() <= 0.51


def test_an_ensemble_of_a_network_that_knows_no_direction_is_that_network(picture, tmp_path):
    source = picture()
    assert run("denoise", source, "-o", tmp_path / "one.png") == 0
    assert run("denoise", source, "-o", tmp_path / "eight.png", "--ensemble", 8) == 0
    one, eight = (pixels(tmp_path / f"{name}.png").astype(int) for name in ("one", "eight"))
    assert (one != pixels(source)).any()
    assert np.abs(eight - one).max() <= 1


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


def test_names_leave_a_terminal_as_it_is(tmp_path, capsys):
    bad = tmp_path / "red\x1b[31m\nred.png"
    bad.write_bytes(b"rubbish")
    assert run("noise", bad, "-o", tmp_path / "out.png") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert r"red\x1b[31m\nred.png: Not an image" in line


def test_a_folder_with_three_broken_files(picture, tmp_path, capsys):
    for index in range(12):
        picture(f"in/{'ab'[index % 2]}/{index}.png")
    broken = [tmp_path / "in" / name for name in ("a/cut.png", "b/text.jpg", "empty.webp")]
    broken[0].write_bytes((tmp_path / "in/a/0.png").read_bytes()[:99])
    broken[1].write_text("not a picture")
    broken[2].touch()
    (tmp_path / "in" / "notes.txt").write_text("not taken for a picture")
    assert run("denoise", tmp_path / "in", "-o", tmp_path / "out") == 1
    written = {p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.*")}
    assert {str(p) for p in written} == {f"{'ab'[i % 2]}/{i}.png" for i in range(12)}
    named, *complaints = capsys.readouterr().err.splitlines()
    assert named.endswith("notes.txt: left out, not a supported kind of image")
    assert {line.split(": ")[1] for line in complaints[:3]} == set(map(str, broken))
    assert complaints[3:] == ["denoiser: 12 done, 0 skipped, 1 left out, 3 failed"]


@pytest.mark.parametrize("command", ["denoise", "noise"])
@pytest.mark.parametrize("step", ["read", "open_shared"])
def test_a_file_that_kills_its_decoder_costs_nothing_but_itself(
    command, step, picture, tmp_path, capsys, monkeypatch
):
    sources = [picture(f"in/{index}.png") for index in range(6)]
    Image.new("RGB", (40, 40)).save(sources[3])
    bad, read, killed = sources[3].read_bytes(), Remote.read, getattr(Remote, step)

    async def killing(self, data, **limits):
        if data == bad:
            await read(self, data)  # so that the process is there
            os.kill(self.link.pid, signal.SIGSEGV)
        return await killed(self, data, **limits)

    monkeypatch.setattr(Remote, step, killing)
    assert run(command, tmp_path / "in", "-o", tmp_path / "out") == 1
    assert len(list((tmp_path / "out").iterdir())) == 5
    assert capsys.readouterr().err.splitlines() == [
        f"denoiser: {sources[3]}: The image is damaged in a way that ends its decoder.",
        "denoiser: 5 done, 0 skipped, 0 left out, 1 failed",
    ]


def test_what_is_done_is_skipped_unless_told_otherwise(picture, tmp_path, capsys):
    picture("in/a.png")
    picture("in/b.png")
    folders = tmp_path / "in", "-o", tmp_path / "out"
    assert run("noise", tmp_path / "in/a.png", "-o", tmp_path / "out", "--seed", 1) == 0
    before = (tmp_path / "out" / "a.png").read_bytes()
    assert run("noise", *folders, "--seed", 2) == 0
    assert "1 done, 1 skipped, 0 left out, 0 failed" in capsys.readouterr().err
    assert (tmp_path / "out" / "a.png").read_bytes() == before
    assert run("noise", *folders, "--seed", 2, "--overwrite") == 0
    assert (tmp_path / "out" / "a.png").read_bytes() != before


def test_json_for_programs(picture, tmp_path, capsys):
    good, absent = picture("a.png"), tmp_path / "absent.png"
    assert run("noise", good, absent, "-o", tmp_path / "out", "--json") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    lines.sort(key=lambda line: line["status"])
    assert lines[0].pop("seconds") >= 0
    assert lines[0] == {
        "source": str(good),
        "status": "done",
        "target": str(tmp_path / "out" / "a.png"),
        "reason": None,
        "pixels": 108,
        "model": None,
        "sigma": None,
        "changes": [],
    }
    assert (lines[1]["source"], lines[1]["status"]) == (str(absent), "failed")
    assert "No such file" in lines[1]["reason"]


def test_models(capsys):
    assert run("models") == 0
    assert "blur (default): " in capsys.readouterr().out
    assert run("models", "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "blur"


def test_historical_models_are_marked_and_last(capsys, make_package, monkeypatch):
    folder = make_package(historical=True)
    shutil.copytree(folder, folder.parent / "good")
    card = json.loads((folder / "card.json").read_text())
    card |= {"name": "good", "historical": False}
    (folder.parent / "good" / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("DENOISER_MODELS_DIR", str(folder.parent))
    assert run("models") == 0
    named = [line for line in capsys.readouterr().out.splitlines() if line[0] != " "]
    assert named == ["good: Box blur", "blur (default, historical): Box blur"]


def test_a_model_for_scans_says_so(capsys, models_for_scans, monkeypatch):
    monkeypatch.setenv("DENOISER_MODELS_DIR", str(models_for_scans))
    assert run("models") == 0
    assert "scans (default for MR): Blur for scans" in capsys.readouterr().out


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


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "required"),
        (["noise"], "IN"),
        (["noise", "a.png", "b.png", "-o", "-"], "standard output takes one image"),
        (["completion", "sh"], "bash"),
        (["noise", "in.png", "-o", "out.png", "--factor", "7"], "--factor: Input should be less"),
        (
            ["denoise", "in.png", "-o", "out.png", "--colour-strength", "2"],
            "--colour-strength: Input should be less",
        ),
        (
            ["denoise", "in.png", "-o", "out.png", "--ensemble", "3"],
            "--ensemble: Input should be 1, 2, 4 or 8",
        ),
        (
            ["denoise", "in.png", "--model", "vgg"],
            "there is no model 'vgg'; there are: blur",
        ),
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
    monkeypatch.setattr("app.server.server.serve", served.append)
    monkeypatch.setattr("app.logs.configure_logs", lambda *_: None)
    assert run("serve", "--host", "0.0.0.0", "--port", 9000, "--log-level", "debug") is None
    (settings,) = served
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 9000, "debug")
    assert settings.model == "blur"


@pytest.mark.parametrize("command", ["denoise", "noise"])
def test_the_help_needs_no_manual(command, capsys):
    with pytest.raises(SystemExit) as end:
        run(command, "--help")
    assert end.value.code == 0
    described = " ".join(capsys.readouterr().out.split())
    described = re.sub("- (gz|zip)", r"-\1", described)  # where a line broke
    assert f"denoiser {command} photo.jpg -o " in described
    assert f"One of {', '.join(Format)}." in described
    assert "One of keep, strip. [keep]" in described
    assert "the exit code is 1 instead of 0" in described


def test_the_help_of_a_list_that_is_empty_by_default_names_no_default(capsys):
    with pytest.raises(SystemExit):
        run("serve", "--help")
    described = " ".join(capsys.readouterr().out.split())
    assert "[()]" not in described
    assert "may use it. --rate-per-minute" in described


def test_only_what_the_user_asked_about_is_printed(picture, tmp_path, models):
    command = [sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main())"]
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [*command, "denoise", picture(), "-o", tmp_path / "out.png"],
        capture_output=True,
        cwd=PROJECT,
        env=environment,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "out.png").exists()


def test_every_setting_is_a_flag_of_serve(capsys):
    with pytest.raises(SystemExit):
        run("serve", "--help")
    described = capsys.readouterr().out
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')}" in described


def test_a_key_is_printed_with_its_hash(capsys):
    assert run("key") == 0
    printed = capsys.readouterr()
    key, digest = (line.split()[1] for line in printed.out.splitlines())
    assert hash_of(key) == digest
    assert Settings(api_keys=digest).api_keys == (digest,)
    assert key not in printed.err


def test_what_to_install_is_told(monkeypatch, picture, tmp_path, capsys):
    def miss(name):
        raise ModuleNotFoundError("No module named 'keras'", name="keras")

    monkeypatch.setattr("app.inference.engines.engine", miss)
    assert run("denoise", picture(), "-o", tmp_path / "out.png") == 1
    assert "denoiser[cpu]" in capsys.readouterr().err


def test_the_version_and_completion(capsys):
    with pytest.raises(SystemExit) as end:
        run("--version")
    assert end.value.code == 0
    assert re.fullmatch(r"denoiser \d+\.\d+\.\d+\n", capsys.readouterr().out)
    assert run("completion", "bash") == 0
    script = capsys.readouterr().out
    assert "--colour-strength" in script
    if bash := shutil.which("bash"):
        subprocess.run([bash, "-euc", script], check=True)


def test_json_tells_what_was_found(picture, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    picture("in/a.png")
    (tmp_path / "in" / "notes.txt").touch()
    assert run("denoise", tmp_path / "in", "--json") == 0
    left, done = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (left["status"], left["reason"][:10]) == ("left out", "not a supp")
    assert done["target"] == str(tmp_path / "in.denoised" / "a.png")
    assert done["model"] == "blur"
    assert 0 < done["sigma"] < 1
    assert done["seconds"] > 0


def test_what_a_result_lacks_is_told(picture, tmp_path, capsys):
    still = picture("still.jpg")
    motion = tmp_path / "motion.jpg"
    motion.write_bytes(still.read_bytes() + FILM)
    assert run("noise", still, motion, "-o", tmp_path / "out") == 0
    told = f"denoiser: {motion}: done without what is beside the image: film"
    assert told in capsys.readouterr().err.splitlines()
    assert run("noise", motion, "-o", tmp_path / "again", "--json") == 0
    assert "film" in json.loads(capsys.readouterr().out)["changes"]


COMMAND = (sys.executable, "-m", "denoiser")


def test_pictures_go_through_pipes(picture, tmp_path):
    source = picture("a.jpg")
    done = subprocess.run(
        [*COMMAND, "noise", "-", "--seed", "1", "--format", "png", "--json"],
        input=source.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert run("noise", source, "--seed", 1) == 0
    assert done.stdout == (tmp_path / "a.noisy.png").read_bytes()
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["source"] == json.loads(line)["target"] == "-"
    bad = subprocess.run([*COMMAND, "noise", "-"], input=b"rubbish", capture_output=True)
    assert (bad.returncode, bad.stdout) == (1, b"")
    assert bad.stderr.startswith(b"denoiser: -: Not an image")


def test_denoise_takes_what_a_pipe_brings(picture, tmp_path, monkeypatch, capfdbinary):
    source = picture("a.jpg")
    assert run("denoise", source) == 0
    capfdbinary.readouterr()
    with source.open("rb") as pipe:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=pipe))
        assert run("denoise", "-") == 0
    assert capfdbinary.readouterr().out == (tmp_path / "a.denoised.jpg").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("models", ">/dev/full"), 1, "denoiser: No space left on device\n"),
        (("noise", "in.png", "--json", ">/dev/full"), 1, "denoiser: No space left on device\n"),
        (("noise", "in.png", "-o", "-", ">&-"), 1, "denoiser: in.png: Bad file descriptor\n"),
        (("noise", "-", "<&-", ">out.png"), 1, "denoiser: -: Bad file descriptor\n"),
        (("noise", "in.png", "<&-", ">&-"), 0, ""),
        (("noise", "nothing.png", "2>&-"), 1, ""),
    ],
)
def test_streams_that_are_full_or_closed(picture, tmp_path, arguments, code, complaint):
    picture()
    line = " ".join(["exec", *COMMAND, *arguments])
    done = subprocess.run(line, shell=True, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (code, complaint)


def test_no_picture_is_written_to_a_terminal(picture, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(SystemExit) as end:
        run("noise", picture(), "-o", "-")
    assert end.value.code == 2
    assert "terminal" in capsys.readouterr().err


def test_a_folder_of_every_kind_accounts_for_each(picture, tmp_path, capsys):
    kinds = {
        "done": [
            f"{kind}{number}.{kind}"
            for kind in ("png", "jpg", "webp", "tif", "bmp", "gif", "avif", "jpeg")
            for number in range(17)
        ],
        "left out": [
            f"{number}.{kind}" for kind in ("txt", "mp4", "pdf", "xyz") for number in range(15)
        ],
        "failed": ["empty.png", "cut.jpg", "old/cut.gif", "old/empty.avif"],
    }
    for name in kinds["done"]:
        picture(f"in/{name}")
    (tmp_path / "in" / "old").mkdir()
    for name in kinds["left out"]:
        (tmp_path / "in" / name).write_text("no picture")
    for name in kinds["failed"]:
        kind = Path(name).suffix[1:]
        whole = (tmp_path / "in" / f"{kind}1.{kind}").read_bytes()
        (tmp_path / "in" / name).write_bytes(b"" if "empty" in name else whole[:300])
    assert sum(map(len, kinds.values())) == 200
    assert run("noise", tmp_path / "in", "-o", tmp_path / "out", "--json") == 1
    captured = capsys.readouterr()
    found: dict[str, set[str]] = {}
    for line in map(json.loads, captured.out.splitlines()):
        found.setdefault(line["status"], set()).add(line["source"])
    assert found == {
        status: {str(tmp_path / "in" / name) for name in names} for status, names in kinds.items()
    }
    assert captured.err.splitlines()[-1] == "denoiser: 136 done, 0 skipped, 60 left out, 4 failed"


def test_a_stop_does_not_wait_and_loses_nothing(picture, tmp_path):
    """The second picture would take a minute."""
    code = """
import app.cli, denoiser, time
from app.service import local
add_noise = local.add_noise
def slow(picture, options, seed):
    if picture.height > 9:
        time.sleep(60)
    return add_noise(picture, options, seed)
local.add_noise = slow
denoiser.main()
"""
    picture("in/a.png")
    Image.new("RGB", (40, 40)).save(tmp_path / "in" / "b.png")
    command = [sys.executable, "-c", code, "noise", str(tmp_path / "in"), "--seed", "1", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["status"] == "done"
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped: 1 done, 0 skipped, 0 left out, 0 failed, 1 not done" in complaints
    assert [path.name for path in (tmp_path / "in.noisy").iterdir()] == ["a.png"]


def test_a_stop_while_modules_are_imported_needs_no_traceback():
    code = """
import builtins, denoiser
imported = builtins.__import__
def stopped(name, *arguments, **given):
    if name == "app.cli":
        raise KeyboardInterrupt
    return imported(name, *arguments, **given)
builtins.__import__ = stopped
denoiser.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=PROJECT)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_help_needs_no_tensorflow():
    code = """
import sys
from app.cli import main
try:
    main(["--help"])
except SystemExit:
    heavy = {"fastapi", "keras", "tensorflow"} & set(sys.modules)
    assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
