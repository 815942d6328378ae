import numpy as np
import pytest

from app.imaging.picture import Format, Header, Picture, UnsupportedImage


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("png", Format.PNG),
        (" JPG", Format.JPEG),
        ("jpeg", Format.JPEG),
        (".tif", Format.TIFF),
        ("image/webp", Format.WEBP),
    ],
)
def test_names_suffixes_and_media_types_mean_formats(name, meant):
    assert Format.from_name(name) is meant
    assert Format.from_name(meant.media_type) is meant


@pytest.mark.parametrize("name", ["", "gif", "image/", "png;jpeg"])
def test_other_names_are_refused_with_those_that_would_do(name):
    with pytest.raises(UnsupportedImage, match="png, jpeg, webp, tiff"):
        Format.from_name(name)


def test_a_picture_knows_its_measures():
    picture = Picture(np.zeros((2, 5, 3), np.uint16))
    assert (picture.width, picture.height, picture.channels) == (5, 2, 3)
    assert (picture.size, picture.depth) == (10, 16)
    assert picture.dtype == np.uint16
    assert Picture(np.zeros((2, 5, 1), np.float32)).depth == 32
    assert Header("gif", 5, 2).size == 10
