import struct

import numpy as np
import pytest
from PIL import Image

from app.imaging import codec, legacy
from app.imaging.codec import Format, UnreadableImage, UnsupportedImage

LIMIT = 10_000
SCREEN = b"GIF89a" + struct.pack("<HHBBB", 3, 2, 0, 0, 0)


def decoded(data):
    return codec.decode(data, max_pixels=LIMIT)


def bmp(width, height, bits, compression, pixels, masks=()):
    """A BMP with a header of version 4, which has room for masks."""
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    header += struct.pack("<4I", *(masks or (0, 0, 0, 0))) + bytes(52)
    return b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + header + pixels


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_bmp_of_each_kind_is_answered_in_png(mode, saved, opened, colour):
    data = saved(colour, "BMP", mode)
    picture = decoded(data)
    assert picture.format is Format.PNG
    assert codec.read_header(data).format == "bmp"
    expected = np.asarray(opened(data).convert("L" if mode in "1L" else "RGB"))
    np.testing.assert_array_equal(picture.pixels, expected.reshape(picture.pixels.shape))
    assert picture.channels == (1 if mode in "1L" else 3)


def test_bmp_keeps_its_alpha_and_resolution(saved, colour):
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF00_0000)
    picture = decoded(bmp(1, 1, 32, 3, bytes([3, 2, 1, 77]), masks))
    np.testing.assert_array_equal(picture.pixels, [[[1, 2, 3]]])
    np.testing.assert_array_equal(picture.alpha, [[77]])
    assert picture.metadata.dpi is None
    dpi = decoded(saved(colour, "BMP", dpi=(300, 200))).metadata.dpi
    assert dpi == pytest.approx((300, 200), abs=0.1)


def test_bmp_with_run_lengths_is_not_supported():
    with pytest.raises(UnsupportedImage, match="run-length"):
        decoded(bmp(2, 1, 8, 1, b"\2\0\0\1"))


def test_a_truncated_bmp_is_unreadable(saved, colour):
    data = saved(colour, "BMP")
    for end in (20, 60, len(data) - 8):
        with pytest.raises(UnreadableImage):
            decoded(data[:end])


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
    assert codec.read_header(data).frames == 2
    with pytest.raises(UnsupportedImage, match="animated"):
        decoded(data)


@pytest.mark.parametrize(
    "tail", [b"", b";", b"!\xfe\0;", b"!\xfe\5abc", b"\x99", b"," + bytes(4), b"," + bytes(9)]
)
def test_gif_without_a_picture_is_unreadable(tail):
    with pytest.raises(UnreadableImage):
        decoded(SCREEN + tail)


def test_gif_extensions_and_blocks_have_a_limit():
    with pytest.raises(UnreadableImage):
        decoded(SCREEN + b"!\xfe\0" * (legacy.MAX_GIF_EXTENSIONS + 1))
    with pytest.raises(UnsupportedImage, match="blocks"):
        decoded(SCREEN + b"!\xfe" + b"\1a" * legacy.MAX_GIF_BLOCKS + b"\0;")
