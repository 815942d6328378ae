import numpy as np

from app.imaging.picture import Header, Picture


def test_a_picture_knows_its_measures():
    picture = Picture(np.zeros((2, 5, 3), np.uint16))
    assert (picture.width, picture.height, picture.channels) == (5, 2, 3)
    assert (picture.size, picture.depth) == (10, 16)
    assert picture.dtype == np.uint16
    assert Picture(np.zeros((2, 5, 1), np.float32)).depth == 32
    assert Header("gif", 5, 2).size == 10
