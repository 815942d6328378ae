import numpy as np
import pytest

from training.casts import movements, rms_and_95th


def test_noise_that_goes_moves_no_mean():
    flat = np.full((64, 96, 3), 100, np.uint8)
    board = flat.copy()
    board[::2] += 10
    board[1::2] -= 10
    assert movements(board, flat) == pytest.approx(np.zeros(2 * 3 * 3), abs=1e-5)


def test_a_cast_is_told_by_square_and_channel():
    before = np.full((64, 64, 3), 100, np.uint8)
    after = before.copy()
    after[32:, :32, 2] += 4
    moved = movements(before, after).reshape(2, 2, 3)
    expected = np.zeros((2, 2, 3))
    expected[1, 0, 2] = 4
    np.testing.assert_allclose(moved, expected, atol=1e-4)


def test_the_rest_of_a_picture_is_left_out_and_a_small_one_is_a_square():
    before = np.zeros((40, 70, 1), np.uint8)
    after = before.copy()
    after[32:] = 200
    after[:, 64:] = 200
    np.testing.assert_array_equal(movements(before, after), np.zeros(2))
    tiny = movements(np.zeros((1, 3, 3), np.float32), np.ones((1, 3, 3), np.float32))
    np.testing.assert_allclose(tiny, [255, 255, 255])


def test_the_figures_of_movements():
    moved = np.concatenate([np.zeros(90), np.full(10, -3.0)])
    assert rms_and_95th(moved) == pytest.approx((np.sqrt(0.9), 3.0))
