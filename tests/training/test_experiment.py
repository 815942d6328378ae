from pathlib import Path

import pytest

from training.architectures import build
from training.errors import TrainingError
from training.experiment import Experiment, Folder, read_experiment
from training.noise.settings import Camera, Noise, White
from training.section import checked

EXPERIMENTS = Path(__file__).parents[2] / "training" / "experiments"
PRESETS = sorted(EXPERIMENTS.glob("*.toml"))
SEARCH = sorted((EXPERIMENTS / "search").glob("*.toml"))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_named_after_its_file_and_says_how_it_is_measured(path):
    experiment = read_experiment(path)
    assert experiment.name == path.stem
    assert experiment.trials or "--trials" in path.read_text()
    assert experiment.card.title
    assert all(folder.terms != "not stated" for folder in experiment.data.folders)


@pytest.mark.parametrize("path", SEARCH, ids=lambda path: path.stem)
def test_trials_of_the_search_see_as_many_patches_of_the_same_images(path):
    experiment, base = read_experiment(path), read_experiment(EXPERIMENTS / "search" / "base.toml")
    assert experiment.name == f"search-{path.stem}"
    patches = [e.schedule.batch * e.schedule.steps for e in (experiment, base)]
    assert patches[0] == patches[1]
    assert experiment.data == base.data


@pytest.mark.parametrize("path", PRESETS + SEARCH, ids=lambda path: path.stem)
def test_the_network_of_a_preset_can_be_built(path):
    experiment = read_experiment(path)
    assert build(experiment.architecture, experiment.options).count_params() > 0


def test_the_articles_presets_train_for_its_fifty_epochs_of_189_images():
    experiment = read_experiment(next(p for p in PRESETS if p.stem == "article-mri"))
    batches = -(-189 // experiment.schedule.batch)
    assert experiment.schedule.steps == 50 * batches
    assert experiment.noise.white
    assert experiment.noise.white.low == (0.4 * 255, 0.4 * 255)


def test_steps_can_be_overridden():
    experiment = Experiment(name="a").with_steps(7)
    assert experiment.schedule.steps == 7
    assert experiment.schedule.batch == Experiment(name="a").schedule.batch
    with pytest.raises(TrainingError, match="--steps: steps"):
        experiment.with_steps(0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 'a'\nloss = 'none'", "loss"),
        ("name = 'a'\n[schedule]\nstepz = 3", r"schedule\.stepz"),
        ("name = 'A B'", "name"),
        ("name = ", "Invalid value"),
    ],
)
def test_a_bad_file_says_what_is_off(tmp_path, text, words):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(TrainingError, match=words) as caught:
        read_experiment(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"name = 'caf\xe9'")
    with pytest.raises(TrainingError, match=r"bad\.toml: .*utf-8"):
        read_experiment(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"none\.toml: No such file"):
        read_experiment(tmp_path / "none.toml")


def test_noise_in_words():
    white = White(rician=0, impulse=0, clean_share=0)
    assert str(Noise(white=white)) == (
        "Gaussian, sigma 0 to 55 and 55 to 115 on the 0..255 scale, "
        "70% clipped and rounded to 8 bits, 10% the same in all channels"
    )
    fixed = White(
        low=(51, 51),
        fixed=True,
        **dict.fromkeys(("high_share", "clipped", "shared", "rician", "impulse", "clean_share"), 0),
    )
    assert str(Noise(white=fixed)) == (
        "Gaussian, sigma 51 on the 0..255 scale, one pattern for all images"
    )
    camera = Camera(share=1, grain=0, smoothed=0.5, clean_share=0, quality=(30, 90))
    assert str(Noise(white=fixed.model_copy(update={"share": 3}), camera=camera)) == (
        "75% Gaussian, sigma 51 on the 0..255 scale, one pattern for all images; "
        "25% of cameras, 60% sensor noise, 50% smoothed in the camera, "
        "30% as coarse as most cameras' JPEGs, 60% JPEG of quality 30 to 90"
    )


def test_white_and_camera_noise_are_drawn_unless_families_are_named():
    assert Noise().counts(48) == {"white": 26, "camera": 22}
    assert list(Noise(camera=Camera()).families) == ["camera"]
    assert list(Experiment(name="a").noise.families) == ["white", "camera"]


PAIRED = {"noisy": "noisy", "clean": "clean"}


@pytest.mark.parametrize(
    ("folders", "noise", "families"),
    [
        ([PAIRED], {}, ["shot"]),
        ([PAIRED, {"path": "more"}], {}, ["white", "camera", "shot"]),
        ([PAIRED, {"path": "more"}], {"white": {}}, ["white", "shot"]),
    ],
)
def test_pairs_bring_their_own_noise(folders, noise, families):
    values = {"name": "a", "data": {"folders": folders}} | ({"noise": noise} if noise else {})
    assert list(Experiment(**values).noise.families) == families


def test_pairs_are_neither_halved_nor_scaled():
    for folder in ({"noisy": "a"}, PAIRED | {"scales": [0.5]}, PAIRED | {"side": 64}):
        with pytest.raises(TrainingError, match=r"data\.folders\.0"):
            checked(Experiment, {"name": "a", "data": {"folders": [folder]}}, "the file")


def test_a_folder_is_read_or_drawn():
    with pytest.raises(TrainingError, match="of no use with drawn"):
        checked(Folder, {"drawn": 3, "path": "a"}, "here")


def test_a_folder_has_a_name_for_the_card():
    labels = [Folder(), Folder(path="a"), Folder(path="a", name="b"), Folder(drawn=3)]
    assert [each.label for each in labels] == ["own images", "a", "b", "drawn graphics"]
