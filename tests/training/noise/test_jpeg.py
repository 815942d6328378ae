import io

import numpy as np
import pytest
from PIL import Image

from training.noise.jpeg import jpeg
from training.noise.random import Random


class Aligned(Random):
    """Random numbers whose grid begins at the corner."""

    def integer(self, below):
        return 0


@pytest.mark.parametrize("quality", [30, 60, 95])
def test_a_grey_patch_comes_out_as_from_a_library(quality):
    random = np.random.default_rng(0)
    pixels = np.asarray(
        Image.fromarray(random.integers(0, 256, (12, 12), np.uint8)).resize((64, 64))
    )
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    expected = np.asarray(Image.open(file)).astype(int)
    patch = np.repeat(pixels[None, ..., None] / np.float32(255), 3, axis=-1)
    result = np.asarray(jpeg(patch, Aligned(0), (quality, quality)))
    difference = np.abs(np.rint(result[0] * 255) - expected[..., None])
    # Coefficients that lie half-way between two steps may be rounded either way.
    assert np.quantile(difference, 0.95) <= 2
    assert difference.mean() < 0.5


def test_the_grid_is_put_back_where_it_was():
    """Whatever the shift, a picture without detail stays in its place."""
    y, x = np.mgrid[:64, :64].astype(np.float32) / 64
    patch = np.stack([y, x, np.full_like(x, 0.5)], axis=-1)[None]
    for seed in range(4):
        result = np.asarray(jpeg(patch, Random(seed), (95, 95)))
        inside = np.abs(result - patch)[:, 20:-20, 20:-20]
        assert inside.mean() < 0.02


def test_values_are_8_bit_levels():
    patch = np.random.default_rng(0).random((2, 32, 32, 3)).astype(np.float32)
    levels = np.asarray(jpeg(patch, Random(0), (30, 98))) * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
    assert 0 <= levels.min() < levels.max() <= 255
