import struct

import numpy as np
import pytest
from PIL import Image

from app.imaging import codec
from app.imaging.formats import gif
from app.imaging.picture import Format, UnreadableImage, UnsupportedImage
from tests.imaging.formats.decoding import decoded

SCREEN = b"GIF89a" + struct.pack("<HHBBB", 3, 2, 0, 0, 0)


def test_gif_is_answered_in_png(saved, opened, colour):
    data = saved(colour, "GIF", comment=b"a comment")
    picture = decoded(data)
    assert picture.format is Format.PNG
    assert picture.alpha is None
    np.testing.assert_array_equal(picture.pixels, np.asarray(opened(data).convert("RGB")))


def test_gif_of_greys_is_grey(saved, colour):
    picture = decoded(saved(colour[..., 0], "GIF"))
    np.testing.assert_array_equal(picture.pixels, colour[..., :1])
    inverted = Image.fromarray(colour[..., 0]).convert("P")
    inverted.putpalette([255 - level for level in range(256) for _ in range(3)])
    picture = decoded(saved(np.asarray(inverted), "GIF", "P", palette=inverted.getpalette()))
    assert picture.channels == 1


def test_gif_with_a_transparent_colour_has_alpha(saved, colour):
    indices = np.array([[0, 1], [1, 2]], np.uint8)
    image = Image.fromarray(indices, "L").convert("P")
    picture = decoded(saved(np.asarray(image), "GIF", transparency=1))
    np.testing.assert_array_equal(picture.alpha, [[255, 0], [0, 255]])


def test_animations_are_refused(saved, colour):
    data = saved(colour, "GIF", save_all=True, append_images=[Image.fromarray(255 - colour)])
    assert codec.read_header(data).stack.frames == 2
    with pytest.raises(UnsupportedImage, match="animated"):
        decoded(data)


@pytest.mark.parametrize(
    "tail", [b"", b";", b"!\xfe\0;", b"!\xfe\5abc", b"\x99", b"," + bytes(4), b"," + bytes(9)]
)
def test_gif_without_a_picture_is_unreadable(tail):
    with pytest.raises(UnreadableImage):
        decoded(SCREEN + tail)


def test_gif_extensions_and_blocks_have_a_limit():
    with pytest.raises(UnsupportedImage, match="extensions"):
        decoded(SCREEN + b"!\xfe\0" * (gif.MAX_EXTENSIONS + 1))
    with pytest.raises(UnsupportedImage, match="blocks"):
        decoded(SCREEN + b"!\xfe" + b"\1a" * gif.MAX_BLOCKS + b"\0;")
