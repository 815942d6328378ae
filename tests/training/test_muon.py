import keras
import numpy as np
import pytest

from training.muon import ConvolutionMuon

RATE = 1e-3


def step(shape, name="kernel"):
    """Return by how much one step changes a variable of random gradients."""
    variable = keras.Variable(np.zeros(shape, np.float32), name=name)
    optimizer = ConvolutionMuon(RATE, weight_decay=None, adam_weight_decay=None)
    gradient = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return keras.ops.convert_to_numpy(variable), gradient


@pytest.mark.parametrize("shape", [(3, 3, 8, 16), (3, 3, 2, 32), (2, 2, 8, 16)])
def test_a_kernel_moves_as_far_in_every_direction(shape):
    change, gradient = step(shape)
    matrix = change.reshape(-1, shape[-1])
    lengths = np.linalg.svd(matrix, compute_uv=False) / (RATE * 0.2 * max(matrix.shape) ** 0.5)
    assert lengths.min() > 0.5
    assert lengths.max() < 1.5
    assert (change * gradient).sum() < 0


def test_the_changes_are_as_large_as_those_of_adam():
    change, _ = step((3, 3, 16, 32))
    assert np.sqrt((change**2).mean()) == pytest.approx(0.2 * RATE, rel=0.3)


def test_biases_are_left_to_adam():
    change, gradient = step((8,), name="bias")
    np.testing.assert_allclose(change, -RATE * np.sign(gradient), rtol=1e-3)


def test_without_a_gradient_nothing_moves():
    variable = keras.Variable(np.ones((3, 3, 2, 4), np.float32))
    optimizer = ConvolutionMuon(RATE, weight_decay=None, adam_weight_decay=None)
    optimizer.apply([keras.ops.zeros((3, 3, 2, 4))], [variable])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), 1)
