"""Folders of DICOM files on the command line: each series is one volume."""

import io
import json
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import JPEGLSLossless
from rich.console import Console

from app.cli import main
from app.files.command import _Bar
from app.files.meter import Meter
from app.imaging.formats import FORMATS
from app.inference.job import Progress
from tests.fidelity.files import DEEP, NOISE, by_pillow, dicom, nifti, series, zipped

pytestmark = pytest.mark.usefixtures("environment")

VOLUME = np.stack([DEEP[..., n] >> 4 for n in range(4)])


@pytest.fixture
def scans(tmp_path) -> Path:
    """A folder of a series over two folders, another series, and other files."""
    folder: Path = tmp_path / "scans"
    files = {
        f"{number % 2}/1.2.840.{9 - number}": data
        for number, (_, data) in enumerate(series(VOLUME, "1.2.4", stored=12))
    }
    files |= {f"b/{name}.dcm": data for name, data in series(VOLUME[:2], "1.2.5", stored=12)}
    files |= {"alone": dicom(NOISE[..., 0], SeriesInstanceUID="1.2.6"), "notes": b"text"}
    files |= {"DICOMDIR": files["alone"], "pack.zip": b"PK"}
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def run(capsys, *arguments):
    """The exit code, and the outcomes by the path below the folder."""
    code = main([*map(str, arguments), "--json"])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, {each["source"].partition("scans/")[2]: each for each in found}


def statuses(outcomes):
    return {name: each["status"] for name, each in outcomes.items()}


def test_each_is_denoised_by_the_model_for_its_modality(
    tmp_path, capsys, monkeypatch, models_for_scans
):
    monkeypatch.setenv("DENOISER_MODELS_DIR", str(models_for_scans))
    folder = tmp_path / "scans"
    folder.mkdir()
    made = {
        **dict(series(VOLUME, stored=12, Modality="MR")),
        **{f"ct/{name}": data for name, data in series(VOLUME, "1.2.9", Modality="CT")},
        "head.nii": nifti(VOLUME),
        "photo.png": by_pillow(NOISE[..., :3], "PNG"),
    }
    for name, data in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    models = {name: "scans" for name in made if name.startswith(("scan/", "head"))}
    models |= dict.fromkeys(made.keys() - models.keys(), "blur")
    code, outcomes = run(capsys, "denoise", folder, "-o", tmp_path / "out")
    assert (code, {name: each["model"] for name, each in outcomes.items()}) == (0, models)
    asked = ("denoise", folder, "-o", tmp_path / "other", "--model", "blur")
    _, outcomes = run(capsys, *asked)
    assert {each["model"] for each in outcomes.values()} == {"blur"}


SERIES = {f"{n % 2}/1.2.840.{9 - n}": n for n in range(4)}
DONE = dict.fromkeys([*SERIES, "b/scan/IM0000.dcm", "b/scan/IM0001.dcm", "alone"], "done")


def test_series_are_found_across_folders_and_come_back_under_their_names(scans, capsys):
    out = scans.parent / "out"
    code, outcomes = run(capsys, "denoise", scans, "-o", out, "--strength", "0")
    assert code == 0
    left_out = dict.fromkeys(("notes", "DICOMDIR", "pack.zip"), "left out")
    assert statuses(outcomes) == DONE | left_out
    assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} == set(DONE)
    found = {name: dcmread(out / name) for name in SERIES}
    for name, number in SERIES.items():
        np.testing.assert_array_equal(found[name].pixel_array, VOLUME[number])
        assert found[name].InstanceNumber == number + 1
    assert len({each.SeriesInstanceUID for each in found.values()}) == 1
    assert len({each.SOPInstanceUID for each in found.values()}) == 4
    assert len({outcomes[name]["sigma"] for name in SERIES}) == 1
    again, outcomes = run(capsys, "denoise", scans, "-o", out)
    assert (again, statuses(outcomes)) == (0, dict.fromkeys(DONE, "skipped") | left_out)


def test_what_is_missing_of_a_series_is_added(scans, capsys):
    out = scans.parent / "out"
    run(capsys, "noise", scans / "0", scans / "1", "-o", out, "--seed", "1")
    before = {path: path.read_bytes() for path in out.iterdir()}
    gone = out / "1.2.840.8"
    gone.unlink()
    _, outcomes = run(capsys, "noise", scans / "0", scans / "1", "-o", out, "--seed", "1")
    assert sorted(statuses(outcomes).values()) == ["done", "skipped", "skipped", "skipped"]
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_a_broken_slice_is_named_and_the_others_go_on(scans, capsys):
    whole = (scans / "0/1.2.840.9").read_bytes()
    (scans / "0/1.2.840.9").write_bytes(whole[:-20])
    code, outcomes = run(capsys, "denoise", scans, "-o", scans.parent / "out")
    assert code == 1
    assert outcomes["0/1.2.840.9"]["reason"] == "The DICOM image is truncated."
    assert statuses(outcomes) == statuses(outcomes) | DONE | {"0/1.2.840.9": "failed"}


def test_a_slice_whose_pixels_are_damaged_does_not_fail_the_others(scans, capsys):
    files = series(VOLUME, syntax=JPEGLSLossless, coder=imagecodecs.jpegls_encode)
    inputs = [scans / Path(name).name for name, _ in files]
    for path, (_, data) in zip(inputs, files, strict=True):
        path.write_bytes(data)
    broken = bytearray(files[2][1])
    broken[broken.rindex(b"\xff\xda") + 12 :] = b"\xff\xff" * 20
    inputs[2].write_bytes(broken)
    code, outcomes = run(capsys, "denoise", *inputs, "-o", scans.parent / "out")
    assert code == 1
    expected = {"IM0000": "done", "IM0001": "done", "IM0002": "failed", "IM0003": "done"}
    assert statuses(outcomes) == expected
    assert "DICOM" in outcomes["IM0002"]["reason"]


def test_floats_of_a_series_are_a_file_each(scans, capsys):
    out = scans.parent / "out"
    code, _ = run(capsys, "denoise", scans / "b", "-o", out, "--result", "residual")
    assert code == 0
    found = [path for path in out.rglob("*") if path.is_file()]
    assert {path.stem for path in found} == {"IM0000", "IM0001"}
    assert {path.suffix for path in found} == {FORMATS["tiff"].suffix}


def test_a_volume_larger_than_the_limit_is_refused(scans, capsys, monkeypatch):
    monkeypatch.setenv("DENOISER_MAX_PIXELS", "300")
    _, outcomes = run(capsys, "denoise", scans, "-o", scans.parent / "out")
    assert "4 files of this volume declare 468 pixels" in outcomes["0/1.2.840.9"]["reason"]
    assert outcomes["b/scan/IM0000.dcm"]["status"] == "done"


def test_a_zip_is_taken_by_its_name(scans, capsys):
    path = scans / "series.zip"
    path.write_bytes(zipped(*series(VOLUME, stored=12)))
    code, outcomes = run(capsys, "denoise", path)
    assert (code, outcomes["series.zip"]["status"]) == (0, "done")
    assert (scans / "series.denoised.zip").exists()


def test_the_bar_moves_within_a_volume():
    meter, screen = Meter(), io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    with _Bar(8, meter, console) as bar, meter.following(4) as progress:
        assert isinstance(progress, Progress)
        progress.planned, progress.done = 20, 10
        bar.tell(3, 1.0)
        bar.refresh()
        assert bar.tasks[0].completed == 3 + 4 / 2
    assert "3/8" in screen.getvalue()
    assert meter.files == 0
