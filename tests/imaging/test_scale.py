import numpy as np
import pytest

from app.imaging.scale import from_unit, to_unit, white


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_integer_survives_the_round_trip(dtype):
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    unit = to_unit(levels)
    assert unit.dtype == np.float32
    assert (unit[0], unit[-1]) == (0.0, 1.0)
    np.testing.assert_array_equal(from_unit(unit, np.dtype(dtype)), levels)


def test_rounding_is_to_nearest_and_range_is_clipped():
    values = np.array([-1.0, 0.49 / 255, 0.51 / 255, 254.6 / 255, 2.0])
    assert from_unit(values, np.dtype(np.uint8)).tolist() == [0, 0, 1, 255, 255]


def test_floats_are_only_clipped():
    values = np.array([-0.5, 0.1234567, 1.5], np.float32)
    kept = from_unit(values, np.dtype(np.float32))
    np.testing.assert_array_equal(kept, np.array([0.0, 0.1234567, 1.0], np.float32))
    assert white(kept.dtype) == 1.0
