import io

import numpy as np
import pytest
from PIL import Image

from training.pictures import draw_grid, draw_loss


def opened(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_loss_curve_shows_both_parts_where_there_are_both():
    rows = [{"step": 10.0 * i, "loss": 1 / i, "psnr": 20.0 + i} for i in range(1, 5)]
    alone = opened(draw_loss(rows))
    both = opened(
        draw_loss([{**row, "validation_loss": 0.5, "validation_psnr": 9} for row in rows])
    )
    assert alone.shape == both.shape
    assert (alone != both).any()


def test_a_run_without_epochs_has_an_empty_curve():
    assert opened(draw_loss([])).shape[2] == 3


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_has_a_column_for_each_of_the_first_five(channels):
    images = [np.full((20, 30, channels), 50 * i, np.uint8) for i in range(6)]
    floats = [image.astype(np.float32) / 255 for image in images]
    grid = opened(draw_grid(images, floats, images, ["caption"]))
    two = opened(draw_grid(images[:2], floats, images))
    assert grid.shape[1] > 2 * two.shape[1]
    for value in (50, 100, 150, 200):
        assert (grid == value).all(axis=-1).mean() > 0.03
