import keras
import numpy as np
import pytest
from keras import ops

from training.teachers import Teachers, closer


@keras.saving.register_keras_serializable("tests")
class Network(keras.layers.Layer):
    """A result that is made of the patches by a function."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def call(self, patches, training=False):
        return self.make(patches)


@pytest.fixture
def patches():
    return np.random.default_rng(0).random((64, 8, 8, 3), np.float32)


def taught(networks, noisy, target):
    teachers = Teachers([Network(make) for make in networks], seed=1)
    return ops.convert_to_numpy(teachers(noisy, target))


def test_a_side_makes_no_difference_to_a_network_that_treats_pixels_alike(patches):
    assert taught([lambda x: 0.5 * x], patches, patches) == pytest.approx(0.5 * patches)


def test_a_patch_is_seen_from_each_of_its_eight_sides(patches):
    """What adds a gradient from the top left adds one of eight, and their mean is flat."""
    ramp = (np.arange(8)[:, None] + 0.1 * np.arange(8))[None, ..., None].astype(np.float32)
    added = taught([lambda x: x + ramp], patches, patches) - patches
    sides = {tuple(np.rint(a[..., 0].ravel() * 10).astype(int)) for a in added}
    assert len(sides) == 8
    assert np.mean([np.reshape(s, (8, 8)) for s in sides], axis=0) == pytest.approx(38.5)


def test_the_closest_result_or_the_mean_of_all_is_taken_patch_by_patch(patches):
    target = np.zeros_like(patches)
    target[1::3], target[2::3] = 1, 0.5
    found = taught([lambda x: 0 * x, lambda x: 0 * x + 1], patches, target)
    assert np.array_equal(found, target)


def test_teachers_do_not_learn():
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 3, padding="same")])
    assert not Teachers([network], seed=0).trainable_variables


def test_closer_is_told_for_each_patch(patches):
    nearer = closer(
        patches, patches + np.arange(64, dtype=np.float32)[:, None, None, None], patches + 9.5
    )
    assert ops.convert_to_numpy(nearer).ravel().tolist() == [i < 10 for i in range(64)]
