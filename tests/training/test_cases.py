import numpy as np
import pytest
from PIL import Image

from app.imaging.noise import NoiseKind
from app.imaging.scale import to_unit
from training.cases import cases, make_noisy, prepare, trial_files
from training.errors import TrainingError
from training.texture import LUMA
from training.trial import Trial

PICTURE = np.random.default_rng(5).integers(0, 250, (33, 50, 3), np.uint8)
GREY = np.full((60, 80, 3), 128, np.uint8)


def trial(**changes):
    return Trial(**{"dataset": "squares"} | changes)


def test_published_noise_is_that_of_the_published_tables():
    np.random.seed(0)  # noqa: NPY002 - to the letter
    expected = PICTURE / 255 + np.random.normal(0, 25 / 255, PICTURE.shape)  # noqa: NPY002
    noisy = make_noisy(PICTURE, trial(protocol="published"), 25, seed=0)
    np.testing.assert_allclose(noisy, expected, atol=1e-6)
    assert noisy.min() < 0


def test_the_service_sees_the_same_clipped_and_rounded():
    published = make_noisy(PICTURE, trial(protocol="published"), 51, seed=0)
    served = make_noisy(PICTURE, trial(), 51, seed=0)
    np.testing.assert_allclose(served, np.rint(published.clip(0, 1) * 255) / 255, atol=1e-6)


def test_shared_noise_is_one_plane():
    noisy = make_noisy(PICTURE, trial(protocol="published", shared=True), 25, seed=0)
    difference = noisy - PICTURE / 255
    np.testing.assert_allclose(difference, np.repeat(difference[..., :1], 3, -1), atol=1e-6)


@pytest.mark.parametrize("kind", [kind for kind in NoiseKind if kind is not NoiseKind.GAUSSIAN])
def test_other_noise_is_the_services(kind):
    noisy = make_noisy(PICTURE, trial(kind=kind), 51, seed=1)
    assert noisy.dtype == np.float32
    assert 0 <= noisy.min() < noisy.max() <= 1
    assert (noisy != PICTURE / np.float32(255)).any()
    shared = make_noisy(PICTURE, trial(kind=kind, shared=True), 51, seed=1)
    # Grain is one plane for all channels in any case.
    assert (shared != noisy).any() == (kind.value != "grain")


def test_a_picture_is_prepared_as_the_trial_has_it():
    assert prepare(PICTURE, trial()) is PICTURE
    assert prepare(PICTURE, trial(square=16)).shape == (16, 16, 3)
    assert prepare(PICTURE, trial(grey=True)).shape == (33, 50, 1)


def test_a_trial_takes_the_part_that_training_held_out(pictures):
    everything, held_out = (
        trial_files(trial(), pictures),
        trial_files(trial(test_share=0.25), pictures),
    )
    assert len(everything) == 20
    assert len(held_out) == 5
    assert set(held_out) < set(everything)
    assert trial_files(trial(limit=2), pictures) == everything[:2]
    assert trial_files(trial(only=("03.png",)), pictures)[0].name == "03.png"


def test_a_share_of_too_few_images_is_told(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    with pytest.raises(TrainingError, match=r"share of 0\.1 holds out none of 1 images"):
        trial_files(trial(test_share=0.1), tmp_path)


def test_noise_in_luma_is_the_same_in_all_channels():
    noise = make_noisy(GREY, trial(protocol="published", part="luma", blur=1), 12, 0) - to_unit(
        GREY
    )
    np.testing.assert_allclose(noise, np.repeat(noise[..., :1], 3, -1), atol=1e-6)
    assert noise.std() * 255 == pytest.approx(12, rel=0.1)


def test_noise_in_chroma_leaves_the_luma_alone():
    settings = trial(protocol="published", part="chroma", blur=0.6)
    noise = make_noisy(GREY, settings, 8, 0) - to_unit(GREY)
    np.testing.assert_allclose(noise @ LUMA, 0, atol=1e-6)
    assert noise.std() * 255 == pytest.approx(8, rel=0.1)


def test_noise_is_enlarged_for_pictures_of_any_size():
    picture = GREY[:41, :79]
    settings = trial(protocol="published", enlarged=2)
    noise = make_noisy(picture, settings, 15, 0) - to_unit(picture)
    assert noise.shape == picture.shape
    assert np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1] > 0.5
    assert noise.std() * 255 == pytest.approx(15 * 0.853, rel=0.1)


@pytest.mark.parametrize("grey", [False, True])
def test_jpeg_comes_after_the_noise(grey):
    settings = trial(jpeg=50, grey=grey)
    original = prepare(GREY, settings)
    noisy = make_noisy(original, settings, 15, 0)
    assert noisy.shape == original.shape
    np.testing.assert_allclose(noisy, np.rint(noisy * 255) / 255, atol=1e-6)
    before = make_noisy(original, trial(grey=grey), 15, 0)
    assert 0 < (noisy - to_unit(original)).std() < (before - to_unit(original)).std()


def test_drawn_pictures_need_no_files(tmp_path):
    found = list(cases(trial(drawn=3, subjects=["flat"]), 0, tmp_path / "none"))
    assert len(found) == 3
    for case in found:
        np.testing.assert_allclose(case.noisy, to_unit(case.original))


def test_pairs_come_as_they_are_and_a_bad_one_is_told(tmp_path, capsys):
    for name, pixels in (
        ("1_n", PICTURE),
        ("1_c", GREY[:33, :50]),
        ("2_n", GREY),
        ("2_c", PICTURE),
    ):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    pairs = {"noisy": "*_n.png", "clean": "*_c.png"}
    (case,) = cases(trial(**pairs), 0, tmp_path)
    assert case.path.name == "1_n.png"
    np.testing.assert_array_equal(case.noisy, to_unit(PICTURE))
    np.testing.assert_array_equal(case.original, GREY[:33, :50])
    assert f"skipped {tmp_path / '2_n.png'}: it is 80x60" in capsys.readouterr().err
    (case,) = cases(trial(**pairs, grey=True, limit=1), 0, tmp_path)
    assert case.noisy.shape == case.original.shape == (33, 50, 1)
