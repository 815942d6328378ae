import pytest

from app.imaging import formats
from app.imaging.codec import Format, UnsupportedImage


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
    assert formats.of_name(name).name == meant
    assert formats.of_name(formats.FORMATS[meant].media_type).name == meant


@pytest.mark.parametrize("name", ["", "gif", "image/", "png;jpeg"])
def test_other_names_are_refused_with_those_that_would_do(name):
    with pytest.raises(UnsupportedImage, match="jpeg, png, tiff, webp"):
        formats.of_name(name)
