import keras
import numpy as np
import pytest

from training.methods import network_method


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
