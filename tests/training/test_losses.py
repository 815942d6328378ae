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


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_an_objective_measures_from_the_target_and_from_the_teacher(share):
    parts = [np.full((2, 8, 8, 3), value, np.float32) for value in (0.5, 0.6, 0.9)]
    outputs = np.concatenate(parts if share else parts[:2], axis=-1)
    objective = Objective("mean_squared_error", share)
    value = float(ops.mean(objective.loss(None, outputs)))
    assert value == pytest.approx((1 - share) * 0.01 + share * 0.16, rel=1e-4)
    assert float(objective.psnr(None, outputs)) == pytest.approx(20, abs=0.01)
