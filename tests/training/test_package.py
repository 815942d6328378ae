import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest

from app.inference.store import read_packages
from training.anatomy import anatomy
from training.checkpoint import load_network
from training.errors import TrainingError
from training.evaluate import score
from training.experiment import read_experiment
from training.package import package
from training.report import report


@pytest.fixture
def run(tmp_path, trained):
    """A copy of the run, to be written into."""
    return shutil.copytree(trained, tmp_path / "run")


def test_the_service_reads_what_is_packaged(tmp_path, trained):
    folder = package(trained, "tiny", tmp_path)
    found = read_packages(tmp_path)["tiny"]
    assert found.path == folder / "model.keras"
    card = found.card
    assert (card.title, card.architecture, card.licence) == ("Tiny", "unet", "Apache-2.0")
    assert not card.historical
    assert card.modality is None
    assert card.history == ()
    assert (card.parameters, card.stride, card.halo) == (2899, 4, 26)
    assert card.gmac > 0
    assert card.noise.startswith("Gaussian, sigma 0 to 55 and 55 to 115")
    (images,) = card.training_data
    assert (images.name, images.images, images.terms) == ("squares", 15, "made by the tests")
    assert card.metrics == ()
    assert {"denoiser", "keras", "backend"} == set(card.versions)
    assert card.bytes == (trained / "model.keras").stat().st_size


def test_the_service_denoises_with_it(tmp_path, trained):
    from app.imaging.picture import Picture
    from app.inference.denoiser import Denoiser

    package(trained, "tiny", tmp_path)
    denoiser = Denoiser.load(read_packages(tmp_path)["tiny"], precision="float32")
    try:
        pixels = np.random.default_rng(0).integers(0, 256, (33, 21, 3), np.uint8)
        restored = denoiser.submit(Picture(pixels)).result(60).picture.pixels
    finally:
        denoiser.close(60)
    assert restored.shape == pixels.shape


def test_scores_go_onto_the_card_of_the_very_file_they_are_of(tmp_path, run, pictures):
    text = report(run, pictures).read_text()
    package(run, "tiny", tmp_path / "models")
    first, second = read_packages(tmp_path / "models")["tiny"].card.metrics
    assert (first.dataset, first.sigma, second.sigma) == ("squares", 25, 50)
    assert f"| {first.psnr:.2f} |" in text
    for picture in ("loss.png", "trial-0.png", "trial-1.png"):
        assert f"]({picture})" in text
        assert (run / picture).stat().st_size > 1000


def test_scores_of_a_network_that_a_run_has_replaced_are_left_out(
    tmp_path, run, pictures, monkeypatch
):
    def score_while_an_epoch_ends(*args):
        (run / "model.keras").write_bytes((run / "model.keras").read_bytes() + b" ")
        return score(*args)

    monkeypatch.setattr("training.report.score", score_while_an_epoch_ends)
    report(run, pictures)
    package(run, "tiny", tmp_path / "models")
    assert read_packages(tmp_path / "models")["tiny"].card.metrics == ()


def test_a_file_from_elsewhere_is_packaged_with_its_experiment(tmp_path, trained, pictures):
    lone = shutil.copy(trained / "model.keras", tmp_path / "lone.keras")
    experiment = read_experiment(trained / "experiment.toml")
    with pytest.raises(TrainingError, match=r"experiment\.toml: No such file"):
        package(lone, "lone", tmp_path / "models")
    with pytest.raises(TrainingError, match="--data"):
        package(lone, "lone", tmp_path / "models", experiment=experiment)
    (tmp_path / "data.json").write_text("[]")
    with pytest.raises(TrainingError, match=r"data\.json is of another experiment.*--data"):
        package(lone, "lone", tmp_path / "models", experiment=experiment)
    package(lone, "lone", tmp_path / "models", experiment=experiment, data=pictures)
    (images,) = read_packages(tmp_path / "models")["lone"].card.training_data
    assert images.images == 15


def test_a_smaller_halo_than_the_receptive_field_can_be_asked_for(tmp_path, run):
    text = (run / "experiment.toml").read_text()
    (run / "experiment.toml").write_text(text.replace("[card]", "[card]\nhalo = 8"))
    package(run, "tiny", tmp_path / "models")
    assert read_packages(tmp_path / "models")["tiny"].card.halo == 8


def test_a_network_can_be_the_default_for_scans_of_a_modality(tmp_path, run):
    text = (run / "experiment.toml").read_text()
    (run / "experiment.toml").write_text(text.replace("[card]", '[card]\nmodality = "MR"'))
    package(run, "tiny", tmp_path / "models")
    assert read_packages(tmp_path / "models")["tiny"].card.modality == "MR"


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "../a", "a" * 65])
def test_a_name_that_callers_could_not_use_is_refused(tmp_path, trained, name):
    with pytest.raises(TrainingError, match="is no name for a model"):
        package(trained, name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"there is no .*none"):
        package(tmp_path / "none", "tiny", tmp_path)


@pytest.mark.parametrize(
    ("figures", "said"),
    [({"stride": 3}, "stride"), ({"stride": 64}, "stride"), ({"radius": 513}, "halo")],
)
def test_a_card_that_the_service_would_refuse_is_not_written(
    tmp_path, trained, monkeypatch, figures, said
):
    monkeypatch.setattr(
        "training.package.anatomy", lambda network: replace(anatomy(network), **figures)
    )
    with pytest.raises(TrainingError, match=rf"no card can be written: {said}: Input should be"):
        package(trained, "tiny", tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_scores_that_are_no_scores_are_refused(tmp_path, run, pictures):
    report(run, pictures)
    record = json.loads((run / "metrics.json").read_text())
    del record["scores"][0]["psnr"]
    (run / "metrics.json").write_text(json.dumps(record))
    with pytest.raises(TrainingError, match=r"metrics\.0\.psnr: Field required"):
        package(run, "tiny", tmp_path / "models")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "global pooling"])
def test_a_network_that_the_service_could_not_use_is_refused(tmp_path, run, policy):
    image = keras.Input((None, None, 3))
    if policy == "global pooling":
        x = keras.layers.GlobalAveragePooling2D(keepdims=True)(image)
        words = "gives one"
    else:
        x = keras.layers.Conv2D(3, 3, padding="same", dtype=policy)(image)
        words = "not in float32"
    keras.Model(image, x).save(run / "model.keras")
    with pytest.raises(TrainingError, match=words):
        package(run, "tiny", tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_packaging_again_replaces(tmp_path, trained):
    for _ in range(2):
        folder = package(trained, "tiny", tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model.keras"]
    assert load_network(folder).count_params() == 2899


def test_a_run_without_trials_has_no_report(run, pictures):
    text = (run / "experiment.toml").read_text()
    (run / "experiment.toml").write_text(text[: text.index("[[trials]]")])
    with pytest.raises(TrainingError, match=r"has no .*trials"):
        report(run, pictures)


def test_a_run_is_measured_by_the_trials_of_another_experiment(tmp_path, run, pictures):
    trials = tmp_path / "trials.toml"
    trials.write_text('name = "other"\n[[trials]]\ndataset = "the others"\nsigmas = [5]\n')
    text = report(run, pictures, trials).read_text()
    assert "| the others (20) |" in text
    assert text.count("](trial-") == 1
