from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.imaging.scale import to_unit
from app.inference.card import Score as CardScore
from training.errors import TrainingError
from training.evaluate import PERFECT, Outcome, outcomes, score
from training.rivals import rival
from training.tables import first_rmse, table
from training.trial import Trial

PICTURE = np.random.default_rng(5).integers(0, 250, (33, 50, 3), np.uint8)


def trial(**changes):
    return Trial(**{"dataset": "squares"} | changes)


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


@pytest.mark.parametrize("size", [2, 4, 8])
def test_an_ensemble_is_the_mean_over_orientations(pictures, size):
    seen = []

    def lopsided(noisy, sigma):
        """Shift by rows, and set apart what a network sees that reduces its input by 8."""
        seen.append(noisy.shape)
        shifted = np.roll(noisy, 1, 0)
        shifted[::8] /= 2
        return shifted

    (result,) = outcomes(lopsided, trial(ensemble=size, limit=1), 25, pictures)
    assert all(length % 32 == 0 for shape in seen for length in shape[:2])
    noisy, (height, width, _) = result.noisy, result.noisy.shape
    padded = np.pad(noisy, ((0, -height % 32), (0, -width % 32), (0, 0)), mode="reflect")
    ways = [padded, padded[:, ::-1]][: 1 + (size == 8)]
    turns = (0, 2) if size == 2 else range(4)
    found = [np.rot90(lopsided(np.rot90(way, k), 0), -k) for way in ways for k in turns]
    found[len(turns) :] = [each[:, ::-1] for each in found[len(turns) :]]
    expected = 255 * np.mean(found, axis=0)[:height, :width]
    np.testing.assert_allclose(result.restored, expected, rtol=0, atol=0.51)


def test_what_cannot_be_read_is_left_out_and_told(tmp_path, capsys):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("text")
    for share in (0.0, 0.9):
        results = list(outcomes(rival("noisy"), trial(test_share=share), 25, tmp_path))
        assert [o.path.name for o in results] == ["a.png"]
        assert capsys.readouterr().err.count(f"skipped {tmp_path / 'b.png'}: ") == 1
    with pytest.raises(TrainingError, match="squares: no image to measure with"):
        score(trial(), 25, [])


def test_tables_are_markdown(pictures):
    scores = [
        (name, score(trial(), 25, outcomes(rival(name), trial(limit=2), 25, pictures)))
        for name in ("noisy", "tv-skimage")
    ]
    lines = table(scores).splitlines()
    assert lines[1] == "|" + " --- |" * 13
    assert lines[2].startswith("| noisy | squares (2) | clipped and rounded to 8 bits | 25 | 20.")
    assert len(lines) == 4
    first = first_rmse(scores).splitlines()[2].split("|")
    assert first[5].split() == [f"{o.rmse:.4f}" for o in scores[0][1].first]


def test_a_card_states_the_means(pictures):
    figures = score(trial(), 25, outcomes(rival("noisy"), trial(limit=2), 25, pictures))
    card = figures.on_card()
    assert list(card) == [
        *("dataset", "protocol", "sigma", "noisy", "psnr", "ssim", "rmse"),
        *("lowest", "shift", "worst"),
    ]
    assert card["psnr"] == pytest.approx(figures.psnr, abs=0.001)


def test_harm_is_told_by_the_worst_image():
    def outcome(change):
        changed = PICTURE + np.array([0, change, 0], np.uint8)
        return Outcome(Path(), PICTURE, to_unit(PICTURE), changed, 1.0)

    figures = score(trial(), 0, [outcome(0), outcome(2)])
    worse = 20 * np.log10(255 / 2 * np.sqrt(3))
    assert outcome(0).psnr == PERFECT
    assert (figures.shift, figures.lowest) == pytest.approx((2, worse), rel=1e-4)
    assert figures.worst == pytest.approx(2, rel=1e-4)
    assert figures.noisy == PERFECT
    assert figures.casts is None
    assert figures.psnr == pytest.approx((PERFECT + worse) / 2)


def test_what_came_in_is_measured_as_what_comes_out(pictures):
    figures = score(trial(), 25, outcomes(rival("noisy"), trial(limit=3), 25, pictures))
    assert figures.noisy == figures.psnr
    published = trial(limit=3, protocol="published")
    figures = score(published, 25, outcomes(rival("noisy"), published, 25, pictures))
    assert figures.noisy == figures.psnr


@pytest.fixture
def shots(tmp_path):
    """Two pairs: noise of 4 levels that cancels out over any two rows."""
    clean = np.full((64, 64, 3), 100, np.uint8)
    noisy = clean.copy()
    noisy[::2] += 4
    noisy[1::2] -= 4
    for index in range(2):
        Image.fromarray(noisy).save(tmp_path / f"{index}_n.png")
        Image.fromarray(clean).save(tmp_path / f"{index}_c.png")
    return tmp_path


def test_pairs_are_measured_with_the_noise_they_bring(shots):
    told = []

    def darken(noisy, sigma):
        told.append(sigma)
        return np.full_like(noisy, 97 / 255)

    paired = trial(noisy="*_n.png", clean="*_c.png")
    (level,) = paired.levels
    figures = score(paired, level, outcomes(darken, paired, level, shots))
    assert figures.images == 2
    assert figures.sigma == pytest.approx(4, abs=1e-4)
    assert told == pytest.approx([4 / 255] * 3, abs=1e-6)
    assert figures.noisy == pytest.approx(20 * np.log10(255 / 4), abs=1e-3)
    assert figures.casts == pytest.approx((3, 3), abs=1e-4)
    assert figures.worst == pytest.approx(3, abs=1e-4)
    card = figures.on_card()
    assert (card["casts_rms"], card["casts_95"]) == (3, 3)
    assert "| 3.00 / 3.00 |" in table([("darken", figures)])


def test_the_service_reads_the_figures_of_pairs(shots):
    paired = trial(noisy="*_n.png", clean="*_c.png")
    figures = score(paired, 0, outcomes(rival("noisy"), paired, 0, shots))
    read = CardScore.model_validate(figures.on_card())
    assert (read.casts_rms, read.casts_95, read.worst) == (0, 0, 4)
    assert read.noisy == read.psnr
