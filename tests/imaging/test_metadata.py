import struct
import zlib
from fractions import Fraction

import numpy as np
import pytest

from app.imaging import ifd
from app.imaging.changes import stripped
from app.imaging.icc import adobe_rgb
from app.imaging.metadata import MAX_INFLATED, inflate, upright
from app.imaging.picture import Change, Metadata, Picture
from app.imaging.tags import Tag


def block(orientation, order="<", kind=ifd.SHORT, thumbnail=b""):
    fields = {
        Tag.ORIENTATION: ifd.integers(order, kind, orientation),
        1000: ifd.Field(ifd.UNDEFINED, 20, b"a maker's own notes."),
    }
    data = bytearray(ifd.header(order, 8) + ifd.pack(fields, order, 8))
    if thumbnail:
        link = 8 + 2 + 12 * len(fields)
        struct.pack_into(order + "I", data, link, len(data))
    return bytes(data) + thumbnail


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [ifd.SHORT, ifd.LONG])
def test_orientation_is_told_once_and_then_reset_in_place(order, kind):
    orientation, metadata, _ = upright(Metadata(exif=block(6, order, kind)))
    assert orientation == 6
    assert metadata.exif == block(1, order, kind)
    assert upright(metadata) == (1, metadata, frozenset())


@pytest.mark.parametrize("orientation", [0, 1, 9, 65_535])
def test_an_orientation_that_turns_nothing(orientation):
    assert upright(Metadata(exif=block(orientation)))[0] == 1


def test_several_orientations_are_none():
    """They could not be reset in place, and the next reader would turn the picture again."""
    fields: ifd.Tree = {Tag.ORIENTATION: ifd.integers("<", ifd.SHORT, 6, 1, 1)}
    exif = ifd.header("<", 8) + ifd.pack(fields, "<", 8)
    assert upright(Metadata(exif=exif)) == (1, Metadata(exif=exif), frozenset())


def test_the_thumbnail_is_unlinked_since_it_shows_the_old_picture():
    _, metadata, changes = upright(Metadata(exif=block(1, thumbnail=bytes(30))))
    assert changes == {Change.METADATA}
    assert metadata.exif is not None
    assert len(list(ifd.directories(metadata.exif))) == 1


@pytest.mark.parametrize("exif", [b"", b"nonsense", b"II*\0\0\0\0\0", block(6)[:12]])
def test_damaged_exif_is_dropped(exif):
    assert upright(Metadata(exif=exif)) == (1, Metadata(), frozenset({Change.METADATA}))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'<x tiff:Orientation="6"/>', b'<x tiff:Orientation="1"/>'),
        (b"<tiff:Orientation>8</tiff:Orientation>", b"<tiff:Orientation>1</tiff:Orientation>"),
        (b"<x/>", b"<x/>"),
    ],
)
def test_xmp_repeats_the_orientation(before, after):
    assert upright(Metadata(exif=block(6), xmp=before))[1].xmp == after
    assert upright(Metadata(xmp=before))[1].xmp == before  # which alone turns nothing


@pytest.mark.parametrize(("orientation", "dpi"), [(3, (300, 72)), (5, (72, 300)), (8, (72, 300))])
def test_resolution_turns_with_the_picture(orientation, dpi):
    assert upright(Metadata(exif=block(orientation), dpi=(300, 72)))[1].dpi == dpi


def sized(orientation, wide, high, order):
    """EXIF of so many pixels, and so many dots an inch."""
    dots = [ifd.rational(order, Fraction(each)) for each in (wide, high)]
    fields: ifd.Tree = {
        Tag.WIDTH: ifd.integers(order, ifd.SHORT, wide),
        Tag.HEIGHT: ifd.integers(order, ifd.SHORT, high),
        Tag.ORIENTATION: ifd.integers(order, ifd.SHORT, orientation),
        Tag.X_RESOLUTION: dots[0],
        Tag.Y_RESOLUTION: dots[1],
        Tag.EXIF: {
            Tag.PIXELS_ACROSS: ifd.integers(order, ifd.LONG, wide),
            Tag.PIXELS_DOWN: ifd.integers(order, ifd.LONG, high),
            Tag.FOCAL_X_RESOLUTION: dots[0],
            Tag.FOCAL_Y_RESOLUTION: dots[1],
        },
    }
    return ifd.header(order, 8) + ifd.pack(fields, order, 8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_in_exif_turn_with_the_picture(orientation, order):
    _, metadata, _ = upright(Metadata(exif=sized(orientation, 400, 300, order)))
    sides = (300, 400) if orientation >= 5 else (400, 300)
    assert metadata.exif == sized(1, *sides, order)


def test_a_size_in_exif_of_which_one_side_is_stated_stays():
    fields: ifd.Tree = {
        Tag.WIDTH: ifd.integers("<", ifd.SHORT, 400),
        Tag.ORIENTATION: ifd.integers("<", ifd.SHORT, 6),
        Tag.EXIF: {
            Tag.PIXELS_ACROSS: ifd.integers("<", ifd.SHORT, 400),
            Tag.PIXELS_DOWN: ifd.integers("<", ifd.LONG, 300),
        },
    }
    exif = ifd.header("<", 8) + ifd.pack(fields, "<", 8)
    fields[Tag.ORIENTATION] = ifd.integers("<", ifd.SHORT, 1)
    upright_exif = ifd.header("<", 8) + ifd.pack(fields, "<", 8)
    assert upright(Metadata(exif=exif))[1].exif == upright_exif


def test_sizes_in_xmp_turn_with_the_picture():
    before = (
        b'<d tiff:ImageWidth="4" tiff:ImageLength = "3"><exif:PixelXDimension>4'
        b"</exif:PixelXDimension><note>tiff:ImageWidth, tiff:ImageWidths</note></d>"
    )
    after = (
        b'<d tiff:ImageLength="4" tiff:ImageWidth = "3"><exif:PixelYDimension>4'
        b"</exif:PixelYDimension><note>tiff:ImageWidth, tiff:ImageWidths</note></d>"
    )
    assert upright(Metadata(exif=block(8), xmp=before))[1].xmp == after
    assert upright(Metadata(exif=block(3), xmp=before))[1].xmp == before


@pytest.mark.parametrize("dpi", [(0.0, 72.0), (72.0, 1e9)])
def test_a_resolution_that_no_format_states_is_dropped(dpi):
    assert upright(Metadata(dpi=dpi))[1].dpi is None


def test_a_profile_of_inks_does_not_reach_pixels(srgb, inverting_profile):
    assert upright(Metadata(icc=inverting_profile))[1].icc is None
    assert upright(Metadata(icc=srgb))[1].icc == srgb


def test_inflating_stops_at_damage_and_at_a_limit():
    assert inflate(zlib.compress(b"text")) == b"text"
    assert inflate(b"damage") == b""
    assert inflate(zlib.compress(b"text")[:-5]) == b""
    assert inflate(zlib.compress(bytes(MAX_INFLATED + 1))) == b""


def test_a_damaged_profile_is_left_out_and_named(srgb):
    _, metadata, changes = upright(Metadata(icc=srgb[:-100]))
    assert metadata.icc is None
    assert changes == {Change.PROFILE}


def coloured(space, rule, order="<"):
    below: ifd.Tree = {Tag.COLOUR_SPACE: ifd.integers(order, ifd.SHORT, space)}
    if rule:
        below[Tag.INTEROPERABILITY] = {1: ifd.Field(ifd.ASCII, 4, rule + b"\0")}
    return ifd.header(order, 8) + ifd.pack({Tag.EXIF: below}, order, 8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("space", "rule", "is_adobe"),
    [
        (65_535, b"R03", True),
        (65_535, b"R98", False),
        (65_535, b"", False),
        (2, b"", True),
        (1, b"R03", False),
    ],
)
def test_adobe_rgb_that_exif_marks_becomes_a_profile_when_exif_goes(space, rule, is_adobe, order):
    metadata = Metadata(exif=coloured(space, rule, order))
    kept = stripped(Picture(np.zeros((1, 1, 3), np.uint8), metadata=metadata))
    assert kept.metadata == Metadata(icc=adobe_rgb() if is_adobe else None)
    assert kept.changes == {Change.METADATA}
    assert (
        stripped(Picture(np.zeros((1, 1, 1), np.uint8), metadata=metadata)).metadata == Metadata()
    )


def test_a_profile_goes_before_what_exif_marks(srgb):
    metadata = Metadata(icc=srgb, exif=coloured(2, b""))
    kept = stripped(Picture(np.zeros((1, 1, 3), np.uint8), metadata=metadata))
    assert kept.metadata == Metadata(icc=srgb)
