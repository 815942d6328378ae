import struct

import numpy as np
import pytest

from app.imaging import codec
from app.imaging.codec import Format, UnreadableImage, UnsupportedImage

LIMIT = 10_000


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


def test_alpha_that_is_0_all_over_is_no_alpha():
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF00_0000)
    picture = decoded(bmp(2, 1, 32, 3, bytes([3, 2, 1, 0, 6, 5, 4, 0]), masks))
    assert picture.alpha is None
    np.testing.assert_array_equal(picture.pixels, [[[1, 2, 3], [4, 5, 6]]])
