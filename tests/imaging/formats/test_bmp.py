import struct

import numpy as np
import pytest

from app.imaging import codec
from app.imaging.picture import Change, Format, TooManyPixels, UnreadableImage, UnsupportedImage
from tests.imaging.formats.decoding import decoded


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


def indices(runs, width=4, height=2, bits=8):
    """The indices of a BMP of runs, as levels of grey, from the highest row on."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 3 - bits // 4, 0, 0, 0, 16, 0)
    palette = b"".join(bytes([n, n, n, 0]) for n in range(16))
    start = 14 + len(header) + len(palette)
    data = b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + header + palette + runs
    picture = decoded(data)
    assert picture.changes == {Change.FORMAT}
    return picture.pixels[..., 0].tolist()


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (b"\4\1\0\0\4\2\0\1", [[2, 2, 2, 2], [1, 1, 1, 1]]),
        (b"\0\3\7\6\5\0\1\1\0\0\4\2\0\0\0\1", [[2, 2, 2, 2], [7, 6, 5, 1]]),
        (b"\4\1\0\0\4\2", [[2, 2, 2, 2], [1, 1, 1, 1]]),
        (b"\0\2\1\1\3\x09\0\1", [[0, 9, 9, 9], [0, 0, 0, 0]]),
        (b"\1\1\0\0\1\2\0\1", [[2, 0, 0, 0], [1, 0, 0, 0]]),
        (b"\xff\1\0\0\3\2\2\3\0\1", [[2, 2, 2, 3], [1, 1, 1, 1]]),
    ],
    ids=["runs", "as they are", "no end", "a move", "short rows", "beyond the row"],
)
def test_runs_of_a_bmp_are_read(runs, expected):
    assert indices(runs) == expected


def test_runs_of_four_bits_alternate():
    assert indices(b"\3\x12\1\x30\0\0\0\4\xab\xcd\0\1", bits=4) == [
        [10, 11, 12, 13],
        [1, 2, 1, 3],
    ]


@pytest.mark.parametrize("runs", [b"", b"\4\1", b"\4\1\0\0\3\1", b"\4\1\0\0\0\4\1\1\1"])
def test_runs_that_end_too_early_are_refused(runs):
    with pytest.raises(UnreadableImage, match="truncated"):
        indices(runs)


def test_runs_that_are_no_pixels_are_counted():
    with pytest.raises(TooManyPixels, match="more than 65544 runs"):
        indices(b"\0\2\0\0" * 70_000)


@pytest.mark.parametrize(("height", "bits"), [(-2, 8), (2, 4), (2, 24)])
def test_runs_where_none_may_be_are_not_supported(height, bits):
    with pytest.raises(UnsupportedImage, match=r"where none may be|rare arrangement"):
        decoded(bmp(4, height, bits, 1, b"\4\1\0\0\4\2\0\1"))


def test_what_pillow_does_not_take_is_not_called_damaged():
    with pytest.raises(UnsupportedImage, match="save it as a BMP of 24 bits"):
        decoded(bmp(1, 1, 32, 3, bytes(4), (0x3FF, 0xFFC00, 0x3FF00000, 0)))


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
