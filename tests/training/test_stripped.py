import numpy as np

from training.stripped import stripped


def test_what_is_inside_stays_and_all_else_is_zero():
    random = np.random.default_rng(0)
    patch = random.integers(1, 256, (96, 128, 3), np.uint8)
    result = stripped(patch, random)
    inside = result.any(-1)
    assert 0 < inside.mean() < 1
    assert result.dtype == patch.dtype
    np.testing.assert_array_equal(result[inside], patch[inside])


def test_shapes_differ_and_are_whole():
    random = np.random.default_rng(1)
    patch = np.full((128, 128, 1), 1.0, np.float32)
    shapes = [stripped(patch, random)[..., 0] > 0 for _ in range(50)]
    assert np.std([shape.mean() for shape in shapes]) > 0.15
    alike = [(shape[1:] == shape[:-1]).mean() for shape in shapes]
    assert min(alike) > 0.85  # of pure noise, half of the neighbours are
