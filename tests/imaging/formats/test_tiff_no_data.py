"""Pixels without data in a TIFF, as GDAL states them and leaves them out."""

import numpy as np
import pytest

from app.imaging import codec
from app.imaging.picture import Format, UnreadableImage
from app.imaging.tags import Tag
from tests.fidelity.files import NOISE, by_tifffile, sparse
from tests.imaging.formats.decoding import decoded
from tests.imaging.formats.test_tiff_reader import tiff_file

GREY = NOISE[..., 0]


def stating(text, samples=GREY, **options):
    tag = (Tag.NO_DATA, "s", 0, text, True)
    return by_tifffile(samples, extratags=[tag], **options)


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("0", "u1", 0),
        ("-9999", "i2", -9999),
        (" 65535.0 ", "u2", 65_535),
        ("-3.4028234663852886e+38", "f4", float(np.finfo("f4").min)),
        ("-9999.9", "f4", float(np.float32(-9999.9))),
        ("-9999", "u1", None),
        ("0.5", "u1", None),
        ("256", "u1", None),
        ("1e99", "f4", None),
        ("nan", "f4", None),
        ("", "u1", None),
        ("0" * 99, "u1", None),
        ("zero", "u1", None),
    ],
)
def test_the_number_is_read_if_samples_can_have_it(text, kind, number):
    assert decoded(stating(text, GREY.astype(kind))).metadata.no_data == number


def test_the_statement_comes_back_with_the_numbers():
    data = stating("0", np.maximum(GREY, 1) * (np.arange(13) > 4).astype("u1"))
    picture = decoded(data)
    again = decoded(codec.encode(picture).data)
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    assert again.metadata.no_data == 0
    assert decoded(codec.encode(picture, Format.PNG).data).metadata.no_data is None


def test_white_that_is_zero_and_palettes_have_no_such_number():
    assert decoded(stating("0", photometric="miniswhite")).metadata.no_data is None
    coloured = stating("0", photometric="palette", colormap=np.zeros((3, 256), "u2"))
    assert decoded(coloured).metadata.no_data is None


@pytest.mark.parametrize(("text", "blank"), [(None, 0), ("7", 7), ("-9999", 0)])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_segments_left_out_have_no_data(text, blank, kind):
    samples = np.maximum(GREY, 1).astype(kind)
    tags = [] if text is None else [(Tag.NO_DATA, "s", 0, text, True)]
    picture = decoded(sparse(samples, extratags=tags))
    found = picture.pixels[..., 0]
    np.testing.assert_array_equal(found[:9, :13], samples)
    assert (found[16:] == blank).all()
    assert (found[:, 16:] == blank).all()


def test_all_segments_may_be_left_out():
    picture = decoded(sparse(np.zeros((9, 13), "u1")))
    assert picture.pixels.shape == (48, 48, 1)
    assert not picture.pixels.any()


def test_a_segment_of_no_bytes_at_some_place_is_damaged():
    with pytest.raises(UnreadableImage, match="truncated"):
        decoded(tiff_file({Tag.STRIP_COUNTS: 0}))
    with pytest.raises(UnreadableImage, match="truncated"):
        decoded(tiff_file({Tag.STRIP_OFFSETS: 0, Tag.STRIP_COUNTS: 9999}))
