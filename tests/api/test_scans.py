"""The model that scans are denoised with where the caller names none."""

import io

import numpy as np
import pydicom
import pytest

from app.inference.denoiser import Denoiser
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import listening, wait_until
from tests.fidelity import files

NOISE = np.random.default_rng(0).integers(0, 4096, (3, 24, 20), np.uint16)
COLOUR = files.NOISE[..., :3]

PICTURES = {
    "nifti": (files.nifti(NOISE), "scans"),
    "nifti in gzip": (files.nifti(NOISE, packed=True), "scans"),
    "colour nifti": (files.nifti(COLOUR[None]), "blur"),
    "mgh": (files.mgh(NOISE.view("i2")), "scans"),
    "mha": (files.mha(NOISE), "blur"),
    "mha of MR": (files.mha(NOISE, "Modality = MET_MOD_MR"), "scans"),
    "nrrd": (files.nrrd(NOISE), "blur"),
    "nrrd of MR": (files.nrrd(NOISE, "modality:=DWMRI", packed=True), "scans"),
    "MR": (files.dicom(NOISE[0], Modality="MR"), "scans"),
    "CT": (files.dicom(NOISE[0], Modality="CT"), "blur"),
    "no modality": (files.dicom(NOISE[0]), "blur"),
    "colour MR": (files.dicom(COLOUR, Modality="MR"), "blur"),
    "series of MR": (files.zipped(*files.series(NOISE, Modality="MR")), "scans"),
    "photograph": (files.by_pillow(COLOUR, "PNG"), "blur"),
}


@pytest.fixture
def app(models_for_scans, monkeypatch):
    """The service with networks that do nothing, at a speed of a megapixel a second."""
    monkeypatch.setattr(
        "app.service.models.Denoiser.load",
        lambda package, *, limits, **_: Denoiser(lambda tiles: tiles, package.card, limits, 1e-6),
    )
    return create_app(Settings(models_dir=models_for_scans, model="blur", timeout_seconds=20))


@pytest.fixture
def client(app):
    with listening(app) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        yield client


def test_scans_are_denoised_by_the_model_of_their_modality(client):
    for name, (data, model) in PICTURES.items():
        answer = client.post("/denoise", files={"image": data})
        assert (answer.status_code, answer.headers["x-model"]) == (200, model), name
        for named in ("blur", "scans"):
            answer = client.post(f"/denoise?model={named}", files={"image": data})
            assert answer.headers["x-model"] == named, name


def test_the_derivation_of_a_slice_names_the_model(client):
    answer = client.post("/denoise", files={"image": PICTURES["MR"][0]})
    assert "model scans (" in pydicom.dcmread(io.BytesIO(answer.content)).DerivationDescription


def test_volumes_of_one_zip_are_denoised_each_by_its_own(app, client):
    several = [
        *files.series(NOISE[:2], "1.2.1", Modality="MR"),
        *((f"b/{name}", data) for name, data in files.series(NOISE, "1.2.2", Modality="CT")),
    ]
    answer = client.post("/denoise", files={"image": files.zipped(*several)})
    assert answer.headers["x-model"] == "blur"  # of the largest
    tiles = {name: each.stats.tiles for name, each in app.state.service.models.loaded.items()}
    assert tiles == {"blur": 3, "scans": 2}


def test_a_job_is_done_by_the_same_model(client, wait_until):
    job = client.post("/jobs", files={"image": PICTURES["nifti"][0]}).headers["location"]
    wait_until(lambda: client.get(job).json()["state"] == "done")
    assert client.get(f"{job}/result").headers["x-model"] == "scans"


def test_no_model_for_scans_is_advised_for_what_is_none(app, client, monkeypatch):
    monkeypatch.setattr(app.state.service.models.loaded["blur"], "seconds_for", lambda *_: 99.0)
    refused = client.post("/denoise", files={"image": PICTURES["photograph"][0]}).json()
    assert (refused["code"], "model=" in refused["detail"]) == ("takes-too-long", False)
    assert client.post("/denoise", files={"image": PICTURES["nifti"][0]}).status_code == 200
    refused = client.post("/denoise?model=blur", files={"image": PICTURES["nifti"][0]}).json()
    assert "model=scans" in refused["detail"]
