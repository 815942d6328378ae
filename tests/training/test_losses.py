import numpy as np
import pytest
from keras import ops

from training.losses import FLOOR, Objective, loss, negative_psnr, psnr


def test_negative_psnr_is_a_value_in_db_for_each_picture():
    clean = np.full((3, 8, 8, 3), 0.5, np.float32)
    noisy = clean + np.array([0.1, 0.05, 0.2], np.float32)[:, None, None, None]
    values = ops.convert_to_numpy(negative_psnr(clean, noisy))
    assert values == pytest.approx([-20, -26.02, -13.98], abs=0.2)
    assert -values.mean() == pytest.approx(float(psnr(clean, noisy)), abs=0.1)


def test_negative_psnr_stops_where_no_eye_can_tell():
    clean = np.full((1, 8, 8, 3), 0.5, np.float32)
    assert float(negative_psnr(clean, clean)[0]) == pytest.approx(10 * np.log10(FLOOR))


def test_a_decibel_weighs_the_same_at_every_level():
    clean = np.zeros((1, 8, 8, 3), np.float32)
    lower = [
        float(negative_psnr(clean, clean + e)[0] - negative_psnr(clean, clean + e / 2)[0])
        for e in (0.4, 0.2)
    ]
    assert lower == pytest.approx([6.02, 6.02], abs=0.1)


@pytest.mark.parametrize(
    ("name", "value"), [("mean_absolute_error", 0.1), ("mean_squared_error", 0.01)]
)
def test_keras_has_the_others(name, value):
    clean = np.zeros((1, 4, 4, 3), np.float32)
    assert float(ops.mean(loss(name)(clean, clean + 0.1))) == pytest.approx(value)


def _flat(*values):
    return [np.full((2, 8, 8, 3), value, np.float32) for value in values]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(
    ("name", "far", "near"), [("mean_squared_error", 0.16, 0.09), ("mean_absolute_error", 0.4, 0.3)]
)
def test_an_objective_measures_from_the_target_and_from_what_is_taught(share, name, far, near):
    restored, target, taught = _flat(0.5, 0.9, 0.8)
    parts = [restored, target, taught] if share else [restored, target]
    objective, outputs = Objective(name, share), np.concatenate(parts, axis=-1)
    value = float(ops.mean(objective.loss(None, outputs)))
    assert value == pytest.approx((1 - share) * far + share * near, rel=1e-4)
    assert float(objective.psnr(None, outputs)) == pytest.approx(7.96, abs=0.01)


def test_what_is_taught_counts_only_where_it_is_closer_to_the_target():
    restored, target, taught = _flat(0.5, 0.6, 0.8)
    taught[0] = 0.65
    values = Objective("mean_squared_error", 1.0).loss(
        None, np.concatenate([restored, target, taught], axis=-1)
    )
    per_patch = ops.convert_to_numpy(ops.mean(values, axis=(1, 2)))
    assert per_patch == pytest.approx([0.0225, 0.01], rel=1e-4)
