"""FITS: numbers as they stand, and all cards and units around them byte for byte."""

import contextlib
import gzip
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging import codec
from app.imaging.changes import stripped
from app.imaging.formats.fits.head import BLOCK, MAX_BLOCKS
from app.imaging.picture import (
    Change,
    Format,
    ImagingError,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.stack import Stack
from tests.fidelity.files import DEEP, NOISE, fits
from tests.imaging.formats.decoding import decoded

GREY = DEEP[..., 0]
OBSERVED = (
    "OBJECT  = 'M 31 / it''s near'  / what was seen",
    "EXPTIME =              1.2D+02 / [s]",
    "HISTORY calibrated  BITPIX  = 99",
    "COMMENT = no value",
)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_all_but_the_samples_is_kept_byte_for_byte(dtype):
    table = fits(NOISE[..., 0], before=b" ")[1:]
    data = fits(GREY.astype(dtype), *OBSERVED, behind=table)
    picture = decoded(data)
    np.testing.assert_array_equal(picture.pixels[..., 0], GREY.astype(dtype), strict=True)
    assert codec.encode(picture).data == data
    other = replace(picture, pixels=np.ascontiguousarray(picture.pixels[::-1]))
    changed = codec.encode(other).data
    np.testing.assert_array_equal(decoded(changed).pixels, other.pixels)
    assert changed[:BLOCK] == data[:BLOCK]
    assert changed.endswith(table)


def test_the_first_row_is_the_lowest_unless_the_header_says_otherwise():
    cube = np.arange(7 * 4 * 5, dtype="u1").reshape(7, 4, 5)
    usual, other = fits(cube), fits(cube, "ROWORDER= 'TOP-DOWN'")
    assert usual[BLOCK : BLOCK + 5] == cube[0, -1].tobytes()
    assert other[BLOCK : BLOCK + 5] == cube[0, 0].tobytes()
    for data in (usual, other):
        picture = decoded(data)
        np.testing.assert_array_equal(picture.pixels.reshape(cube.shape), cube)
        assert codec.encode(picture).data == data


def test_cards_of_samples_as_they_were_become_blank():
    cards = ("CHECKSUM= 'abc'", "DATASUM = '1'", "DATAMAX =                  255", "TELESCOP= 'x'")
    found = codec.encode(decoded(fits(GREY, *cards))).data
    lines = {found[place : place + 8].rstrip() for place in range(0, BLOCK, 80)}
    assert b"TELESCOP" in lines
    assert not lines & {b"CHECKSUM", b"DATASUM", b"DATAMAX"}


def test_the_first_image_may_be_in_an_extension():
    nothing = fits(np.zeros(0, "u1"), "EXTEND  =                    T")
    image = fits(GREY, *OBSERVED, before=nothing)
    picture = decoded(image)
    np.testing.assert_array_equal(picture.pixels[..., 0], GREY)
    assert codec.encode(picture).data == image


def test_what_is_blank_is_hidden_and_what_is_no_number_stays_one():
    samples = GREY.view("i2").copy()
    samples[2, 3:6] = -32_768
    picture = decoded(fits(samples, "BLANK   =               -32768"))
    np.testing.assert_array_equal(picture.alpha == 0, samples == -32_768)
    floats = GREY.astype("f4")
    floats[0, 0] = np.nan
    holed = decoded(fits(floats, "BLANK   =                    0"))
    assert holed.alpha is None
    np.testing.assert_array_equal(holed.pixels[..., 0], floats)


@pytest.mark.parametrize(
    ("sides", "stack"),
    [
        ((3, 4, 5), Stack(3, channels=3)),
        ((4, 4, 5), Stack(4, channels=4)),
        ((7, 4, 5), Stack(7)),
        ((1, 4, 5), Stack(1)),
        ((1, 1, 4, 5), Stack(1)),
    ],
)
def test_planes_are_frames_and_few_are_colours(sides, stack):
    assert decoded(fits(np.zeros(sides, "u2"))).stack == stack


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (fits(GREY)[:-BLOCK], UnreadableImage, "truncated"),
        (fits(GREY)[:100], UnreadableImage, "truncated"),
        (fits(GREY.astype("i8")), UnsupportedImage, "64 bits"),
        (fits(np.zeros((2, 2, 3, 3), "u1")), UnsupportedImage, "three dimensions"),
        (fits(np.zeros(9, "u1")), UnsupportedImage, "no image"),
        (fits(np.zeros((0, 9), "u1")), UnsupportedImage, "no image"),
        (fits(GREY).replace(b"           16", b"            x"), UnreadableImage, "BITPIX"),
        (fits(NOISE[0, :, 0]).replace(b"        1", b"123456789"), UnreadableImage, "dimensions"),
        (fits(np.zeros(9, "u1"), "PCOUNT  =                  -99"), UnreadableImage, "sizes"),
        (fits(GREY, "BZERO   = x")[:], None, ""),
        (fits(np.zeros(9, "u1"), "ZIMAGE  =                    T"), UnsupportedImage, "compressed"),
        (b"SIMPLE  =".ljust((MAX_BLOCKS + 2) * BLOCK), UnreadableImage, "too long"),
    ],
)
def test_what_is_not_read_is_told(data, error, words):
    if error is None:  # the first of two cards counts
        assert decoded(data).dtype == np.uint16
        return
    with pytest.raises(error, match=words):
        decoded(data)


def test_only_what_came_as_a_fits_becomes_one():
    picture = decoded(fits(GREY))
    for other in (stripped(picture), replace(picture, pixels=picture.pixels.astype("i4"))):
        with pytest.raises(UnsuitableFormat, match="ask for tiff"):
            codec.encode(other, Format.FITS)
    assert codec.encode(picture, Format.TIFF).changes == {Change.METADATA}
    with pytest.raises(TooManyPixels):
        codec.decode(fits(np.zeros((3, 4, 5), "u2")), max_pixels=59)


def test_gzip_around_a_fits_is_no_loss_and_nor_is_its_absence():
    nothing = fits(np.zeros(0, "u1"), "EXTEND  =                    T")
    table = fits(NOISE[..., 0], before=b" ")[1:]
    data = fits(GREY, *OBSERVED, before=nothing, behind=table)
    picture = decoded(gzip.compress(data))
    assert picture.format is Format.FITS_GZ
    np.testing.assert_array_equal(picture.pixels[..., 0], GREY)
    again = codec.encode(picture)
    assert (gzip.decompress(again.data), again.changes) == (data, frozenset())
    plain = codec.encode(picture, Format.FITS)
    assert (plain.data, plain.changes) == (data, frozenset())
    into = codec.encode(decoded(data), Format.FITS_GZ)
    assert (gzip.decompress(into.data), into.changes) == (data, frozenset())


def _halves(data):
    half = len(data) // 2 + 1
    return data[:half], data[half:]


@pytest.mark.parametrize(
    "members",
    [
        _halves(fits(GREY)),
        (*_halves(fits(GREY)), b""),
        (b"", fits(GREY)),
        (fits(GREY, behind=bytes(99)),),
    ],
    ids=["two", "and an empty one, as bgzip's", "an empty one first", "no whole blocks"],
)
@pytest.mark.parametrize(
    ("behind", "changes"), [(b"", set()), (bytes(512), set()), (b"notes", {Change.METADATA})]
)
def test_gzip_may_be_of_several_members_and_have_something_behind_it(members, behind, changes):
    picture = decoded(b"".join(map(gzip.compress, members)) + behind)
    np.testing.assert_array_equal(picture.pixels[..., 0], GREY)
    again = codec.encode(picture)
    assert (gzip.decompress(again.data), again.changes) == (b"".join(members), changes)


def test_tables_before_the_image_may_be_long_in_gzip_too():
    table = fits(np.zeros((1, MAX_BLOCKS * BLOCK), "u1"), before=b" ")[1:]
    table = table.replace(b"IMAGE   ", b"BINTABLE", 1)
    data = fits(GREY, before=fits(np.zeros(0, "u1")) + table)
    for each in (data, gzip.compress(data, 1)):
        np.testing.assert_array_equal(decoded(each).pixels[..., 0], GREY)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(fits(GREY))[:-9], "truncated"),
        (gzip.compress(fits(GREY)[:-2881]), "truncated"),
        (gzip.compress(fits(GREY))[:-4] + bytes(4), "truncated"),
        (b"".join(map(gzip.compress, _halves(fits(GREY))))[:-9], "truncated"),
        (gzip.compress(fits(GREY)) + gzip.compress(fits(GREY)), "length that its gzip declares"),
        (gzip.compress(fits(GREY))[:-8] + bytes(4) + b"\0\x20\0\0", "truncated or damaged"),
    ],
    ids=["cut", "short inside", "no length", "cut in a member", "twice", "another sum"],
)
def test_gzip_that_is_not_what_it_declares_is_refused(data, words):
    with pytest.raises(UnreadableImage, match=words):
        decoded(data)


def test_a_bomb_in_gzip_is_refused_by_what_is_declared():
    vast = gzip.compress(fits(GREY).replace(b"        13", b"9999999999"))
    with pytest.raises(UnreadableImage, match="truncated"):
        decoded(vast)
    behind = gzip.compress(fits(GREY, behind=bytes(1 << 26)))
    assert codec.read_header(behind).decoded_bytes > 4 << 26
    with pytest.raises(TooManyPixels, match="bytes behind its image; unpack it"):
        codec.read_header(behind[:-4] + (BLOCK * 200_000).to_bytes(4, "little"))
    hidden = behind[:-4] + len(fits(GREY)).to_bytes(4, "little")
    tracemalloc.start()
    with pytest.raises(UnreadableImage, match="length that its gzip declares"):
        decoded(hidden)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 24


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f8"])
@pytest.mark.parametrize("wrapped", [bytes, gzip.compress], ids=["plain", "in gzip"])
def test_a_picture_takes_no_more_memory_than_is_reckoned(dtype, wrapped):
    cards = () if dtype == "f8" else ("BLANK   =                    0",)
    data = wrapped(fits(np.zeros((300, 300), dtype), *cards))
    tracemalloc.start()
    codec.decode(data, max_pixels=90_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < codec.read_header(data).decoded_bytes + 2 * len(data) + 100_000


@given(st.integers(0, 800), st.binary(min_size=1, max_size=9))
def test_damage_raises_only_imaging_errors(place, junk):
    data = bytearray(fits(GREY, *OBSERVED))
    data[place : place + len(junk)] = junk
    with contextlib.suppress(ImagingError):
        decoded(bytes(data))
