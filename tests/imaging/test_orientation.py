import numpy as np
import pytest
from PIL import Image, ImageOps

from app.imaging.orientation import ENSEMBLES, is_transposed, orient, orient_back


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_agrees_with_pillow(orientation):
    plane = np.arange(15, dtype=np.uint8).reshape(3, 5)
    image = Image.fromarray(plane)
    image.getexif()[0x0112] = orientation
    upright = orient(plane, orientation)
    np.testing.assert_array_equal(upright, np.asarray(ImageOps.exif_transpose(image)))
    assert upright.flags.c_contiguous


def test_every_orientation_differs_and_can_be_undone():
    plane = np.arange(15, dtype=np.uint8).reshape(3, 5)
    turned = [orient(plane, orientation) for orientation in ENSEMBLES[8]]
    assert len({(each.shape, each.tobytes()) for each in turned}) == 8
    for orientation, each in zip(ENSEMBLES[8], turned, strict=True):
        assert (each.shape == (5, 3)) == is_transposed(orientation)
        np.testing.assert_array_equal(orient_back(each, orientation), plane)


def test_smaller_ensembles_are_part_of_larger_ones():
    for size, orientations in ENSEMBLES.items():
        assert len(orientations) == size
        assert set(orientations) <= set(ENSEMBLES[8])
    assert set(ENSEMBLES[1]) < set(ENSEMBLES[2]) < set(ENSEMBLES[4])
