import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.imaging import codec
from app.imaging.picture import (
    Change,
    Format,
    ImagingError,
    Metadata,
    Picture,
    TooManyPixels,
    UnreadableImage,
    UnsupportedImage,
)
from tests.fidelity.files import DEEP, NOISE, SMOOTH, pam, plain_pnm, pnm, profile
from tests.imaging.formats.damage import damaged
from tests.imaging.formats.decoding import MAX_PIXELS, decoded

GREY = NOISE[..., 0]


@pytest.mark.parametrize("white", [1, 3, 100, 254, 255, 256, 1023, 4095, 65_534, 65_535])
def test_every_value_comes_back_with_its_white(white):
    values = np.arange(white + 1).reshape(1, -1)[:, :9000]
    data = pnm(values, white)
    picture = decoded(data)
    assert picture.pixels.min() == 0
    assert picture.pixels.max() == (255 if white < 256 else 65_535) or white > 9000
    assert codec.encode(picture).data == data


def test_a_file_comes_back_byte_for_byte():
    for data in (
        pnm(GREY, 255, "# by hand", "# twice").replace(
            b"P5\n13 9\n# by hand\n# twice\n", b"P5\n# by hand\n# twice\n13 9\n"
        ),
        pnm(SMOOTH, 255, kind=6),
        pam(DEEP, 65_535, "RGB_ALPHA"),
        pam(NOISE[..., :2] >> 1, 127, "GRAYSCALE"),
    ):
        assert codec.encode(decoded(data)).data == data


def test_comments_may_stand_between_all_numbers():
    data = b"P5 # one\n#two\n  2\t# three\n1 #four\n\n255\n\x07\x09"
    picture = decoded(data)
    np.testing.assert_array_equal(picture.pixels[..., 0], [[7, 9]])
    assert picture.metadata.native == (b"# one", b"#two", b"# three", b"#four")
    assert decoded(codec.encode(picture).data).metadata.native == picture.metadata.native
    assert codec.encode(picture, Format.PNG).changes == {Change.METADATA}


def test_bits_need_nothing_between_them_and_rows_end_in_whole_bytes():
    bits = [[0, 1, 0, 1, 1, 0, 0, 0, 1], [1, 1, 1, 1, 0, 0, 0, 0, 0]]
    packed = b"P4\n9 2\n" + np.packbits(bits, axis=1).tobytes()
    for data in (
        packed,
        b"P1\n9 2\n010110001\n111100000\n",
        b"P1 9 2\n0 1011 00 011 11 1 # x\n00000",
    ):
        picture = decoded(data)
        np.testing.assert_array_equal(picture.pixels[..., 0], 255 * (1 - np.array(bits)))
        assert picture.changes == {Change.DEPTH}


def test_pillow_reads_what_is_written():
    for pixels in (GREY[..., None], SMOOTH):
        with Image.open(io.BytesIO(codec.encode(Picture(pixels), Format.PNM).data)) as image:
            np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_what_a_pnm_cannot_hold_is_named():
    metadata = Metadata(icc=profile(), exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0", dpi=(300, 300))
    encoded = codec.encode(Picture(SMOOTH, metadata=metadata), Format.PNM)
    assert encoded.changes == {Change.PROFILE, Change.METADATA}
    light = Picture(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8, 1))
    encoded = codec.encode(light, Format.PNM)
    assert encoded.changes == {Change.DEPTH}
    np.testing.assert_allclose(decoded(encoded.data).pixels / 65_535, light.pixels, atol=1e-5)


def test_white_goes_to_formats_that_hold_it_alone():
    ten, thousand = (decoded(pnm(DEEP[..., 0] % (white + 1), white)) for white in (1023, 1000))
    assert codec.encode(ten, Format.JP2).changes == set()
    assert decoded(codec.encode(ten, Format.JP2).data).metadata.white == 1023
    for picture, format_ in ((thousand, Format.JP2), (ten, Format.TIFF), (ten, Format.PNG)):
        assert codec.encode(picture, format_).changes == {Change.DEPTH}


@pytest.mark.parametrize(
    "data",
    [
        b"P5\n2 2\n255\n123",
        b"P5\n2 2\n",
        b"P5\n2 2 255",
        b"P5\n2 2\n0\n1234",
        b"P5\n2 2\n65536\n12341234",
        b"P5\n2 2\n100\n123\xff",
        b"P5\n-2 2\n255\n1234",
        b"P5\n99999999999 2\n255\n1234",
        b"P2\n2 2\n255\n1 2 3",
        b"P2\n2 2\n255\n1 2 3 4 5",
        b"P2\n2 2\n255\n1 2 3 256",
        b"P2\n2 2\n255\n1 2 3 -4",
        b"P2\n2 2\n255\n1 2 3 99999999999999999999999",
        b"P2\n2 2\n255\n",
        b"P1\n2 2\n0 1 2 0",
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\n12345",
        b"P7\nWIDTH 1\nHEIGHT 1\nMAXVAL 255\nENDHDR\n12345",
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\n1",
        b"P7\nWIDTH x\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n1",
        b"P7\nWIDTH 1_0\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n1234567890",
        b"P7\nWIDTH +1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n1",
        b"P5\n" + b"#" * 70_000 + b"\n2 2\n255\n1234",
    ],
)
def test_what_makes_no_sense_is_refused(data):
    with pytest.raises(UnreadableImage):
        decoded(data)


def test_comments_among_samples_are_not_without_end():
    few, many = (b"P2\n2 1\n9\n3 " + b"#\n" * count + b"4\n" for count in (5, 10_001))
    np.testing.assert_array_equal(decoded(few).pixels[..., 0], [[85, 113]])
    with pytest.raises(UnsupportedImage, match="more than 10000 comments"):
        decoded(many)


def test_what_is_large_is_refused_by_its_header():
    for data in (b"P5\n60000 60000\n255\n", b"P2\n60000 60000\n255\n1 1 1"):
        with pytest.raises(TooManyPixels):
            decoded(data)


def test_what_lies_behind_is_named_and_a_second_image_refused():
    data = pnm(GREY, 255)
    assert decoded(data + b"\n").changes == set()
    assert decoded(data + b"more").changes == {Change.METADATA}
    with pytest.raises(UnsupportedImage, match="animated"):
        decoded(data + data)


@settings(max_examples=200, deadline=None)
@given(
    damaged(
        pnm(GREY, 255),
        pam(NOISE, 255, "RGB_ALPHA"),
        plain_pnm(GREY, 255, 2),
        plain_pnm(GREY & 1, 1, 1),
    )
)
def test_damage_is_refused_or_read(data):
    try:
        picture = decoded(data)
    except ImagingError:
        return
    assert picture.size <= MAX_PIXELS


@given(st.binary(max_size=40), st.sampled_from(b"1234567"))
def test_anything_may_follow_a_signature(rest, kind):
    try:
        decoded(b"P%c\n" % kind + rest)
    except ImagingError:
        return


def test_a_text_that_ends_in_a_number_may_be_cut_within_it():
    for end, changes in (("\n", set()), (" #", set()), ("", {Change.END})):
        picture = decoded(f"P2\n3 1\n255\n100 200 25{end}".encode())
        assert picture.changes == changes
        assert picture.pixels.ravel().tolist() == [100, 200, 25]
    assert decoded(b"P1\n3 1\n010").changes == {Change.DEPTH}
