from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from app.imaging.noise import NoiseKind
from training.errors import TrainingError
from training.evaluate import (
    PERFECT,
    Outcome,
    first_rmse,
    make_noisy,
    network_method,
    outcomes,
    prepare,
    score,
    table,
    trial_files,
)
from training.experiment import Trial
from training.rivals import rival

PICTURE = np.random.default_rng(5).integers(0, 250, (33, 50, 3), np.uint8)


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
    assert (shared != noisy).any() == (kind is not NoiseKind.GRAIN)


def test_a_picture_is_prepared_as_the_trial_has_it():
    assert prepare(PICTURE, trial()) is PICTURE
    assert prepare(PICTURE, trial(square=16)).shape == (16, 16, 3)
    assert prepare(PICTURE, trial(grey=True)).shape == (33, 50, 1)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (7, 5, 3), (8, 8, 3)])
def test_a_network_takes_pictures_of_any_size(shape):
    """Pooled and spread again, a flat picture stays what it is, whatever it is padded with."""
    image = keras.Input((None, None, 3))
    pooled = keras.layers.AveragePooling2D(4)(image)
    method = network_method(keras.Model(image, keras.layers.UpSampling2D(4)(pooled)))
    flat = np.full(shape, 0.25, np.float32)
    np.testing.assert_array_equal(method(flat, 0.1), flat)


def test_padding_is_by_reflection_at_the_right_and_the_bottom():
    image = keras.Input((None, None, 3))
    pooled = keras.layers.MaxPooling2D(4)(image)
    method = network_method(keras.Model(image, keras.layers.UpSampling2D(4)(pooled)))
    picture = np.zeros((5, 4, 3), np.float32)
    picture[2] = 1.0
    # The fifth row is padded with the fourth, the third and the second.
    np.testing.assert_array_equal(method(picture, 0.1), np.ones((5, 4, 3)))


def test_a_trial_is_measured_over_a_folder(pictures):
    results = list(outcomes(rival("noisy"), trial(fresh=True), 25, pictures))
    assert len(results) == 20
    patterns = {(o.noisy - o.original / np.float32(255))[:9, :9].tobytes() for o in results}
    assert len(patterns) == 20
    figures = score(trial(), 25, results)
    assert figures.images == 20
    assert figures.psnr == pytest.approx(np.mean([o.psnr for o in results]))
    assert figures.rmse == pytest.approx(25 / 255, rel=0.1)
    assert 0 < figures.ssim < 1
    assert [o.path for o in figures.first] == [o.path for o in results[:5]]


def test_a_grey_picture_gets_the_mean_of_the_channels(pictures):
    def tint(noisy, sigma):
        return noisy + np.array([0.0, 0.3, 0.0], np.float32)

    result = next(outcomes(tint, trial(grey=True, protocol="published"), 0, pictures))
    assert result.restored.shape[-1] == 1
    expected = (result.original / 255 + 0.1).clip(0, 1) * 255
    np.testing.assert_allclose(result.restored, expected, atol=0.6)


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


def test_what_cannot_be_read_is_left_out_and_told(tmp_path, capsys):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("text")
    for share in (0.0, 0.9):
        results = list(outcomes(rival("noisy"), trial(test_share=share), 25, tmp_path))
        assert [o.path.name for o in results] == ["a.png"]
        assert capsys.readouterr().err.count(f"skipped {tmp_path / 'b.png'}: ") == 1
    with pytest.raises(TrainingError, match="squares: no image to measure with"):
        score(trial(), 25, [])


def test_a_share_of_too_few_images_is_told(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    with pytest.raises(TrainingError, match=r"share of 0\.1 holds out none of 1 images"):
        trial_files(trial(test_share=0.1), tmp_path)


def test_tables_are_markdown(pictures):
    scores = [
        (name, score(trial(), 25, outcomes(rival(name), trial(limit=2), 25, pictures)))
        for name in ("noisy", "tv-skimage")
    ]
    lines = table(scores).splitlines()
    assert lines[1] == "|" + " --- |" * 10
    assert lines[2].startswith("| noisy | squares (2) | clipped and rounded to 8 bits | 25 | 20.")
    assert len(lines) == 4
    first = first_rmse(scores).splitlines()[2].split("|")
    assert first[5].split() == [f"{o.rmse:.4f}" for o in scores[0][1].first]


def test_a_card_states_the_means(pictures):
    figures = score(trial(), 25, outcomes(rival("noisy"), trial(limit=2), 25, pictures))
    card = figures.on_card()
    assert list(card) == [
        *("dataset", "protocol", "sigma", "psnr", "ssim", "rmse", "lowest", "shift")
    ]
    assert card["psnr"] == pytest.approx(figures.psnr, abs=0.001)


def test_harm_is_told_by_the_worst_image():
    def outcome(change):
        changed = PICTURE + np.array([0, change, 0], np.uint8)
        return Outcome(Path(), PICTURE, PICTURE, changed, 1.0)

    figures = score(trial(), 0, [outcome(0), outcome(2)])
    worse = 20 * np.log10(255 / 2 * np.sqrt(3))
    assert outcome(0).psnr == PERFECT
    assert (figures.shift, figures.lowest) == pytest.approx((2, worse), rel=1e-4)
    assert figures.psnr == pytest.approx((PERFECT + worse) / 2)
