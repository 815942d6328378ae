import struct

import imagecodecs
import numpy as np
import pytest

from app.imaging.formats.jpeg import writer as jpeg
from app.imaging.formats.jpeg.rebuild import MAX_SCANS
from app.imaging.formats.jpeg.segments import MAX_SEGMENTS
from app.imaging.picture import (
    Change,
    Format,
    Metadata,
    Picture,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from tests.imaging.formats.decoding import decoded

SCAN = b"\xff\xda"


def segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segments(data, *segments):
    return data[:2] + b"".join(segments) + data[2:]


def with_frame(data, **changes):
    """The file with another precision, height, width or number of components in its header."""
    start = data.index(b"\xff\xc0") + 4
    names = ("precision", "height", "width", "components")
    frame = dict(zip(names, struct.unpack_from(">BHHB", data, start), strict=True)) | changes
    return data[:start] + struct.pack(">BHHB", *frame.values()) + data[start + 6 :]


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
def test_pixels_are_those_that_pillow_reads(mode, options, saved, opened, colour):
    data = saved(colour, "JPEG", mode, **options)
    picture = decoded(data)
    assert picture.format is Format.JPEG
    assert picture.channels == len(mode)
    expected = np.asarray(opened(data)).reshape(picture.pixels.shape)
    np.testing.assert_allclose(picture.pixels, expected, atol=2)


def test_adobe_stores_ink_upside_down(saved, colour):
    adobe = saved(255 - colour, "JPEG", "CMYK", quality=100)
    np.testing.assert_allclose(decoded(adobe).pixels, 255 - colour, atol=4)
    start = adobe.index(b"\xff\xee")
    (length,) = struct.unpack_from(">H", adobe, start + 2)
    plain = adobe[:start] + adobe[start + 2 + length :]
    np.testing.assert_array_equal(decoded(plain).pixels, decoded(adobe).pixels)  # as others do


def test_luminance_and_black_are_inks_too(colour):
    inks = np.dstack((colour, np.full(colour.shape[:2], 255, np.uint8)))
    data = imagecodecs.jpeg8_encode(inks, 100, colorspace="cmyk", outcolorspace="ycck")
    assert decoded(bytes(data)).channels == 3


def test_inks_go_through_their_profile_which_then_goes(saved, colour, inverting_profile):
    data = saved(np.full_like(colour, 255), "JPEG", "CMYK", icc_profile=inverting_profile)
    picture = decoded(data)
    np.testing.assert_allclose(picture.pixels, 0, atol=4)
    assert picture.metadata.icc is None


def test_metadata_is_read_from_pillow_and_by_pillow(saved, opened, colour, srgb, exif):
    data = saved(
        colour,
        "JPEG",
        icc_profile=srgb * 200,  # in two segments
        exif=exif(),
        xmp=b"<x/>",
        dpi=(300, 200),
        comment=b"a comment",
    )
    image = opened(jpeg.encode(decoded(data), None))
    assert image.info["icc_profile"] == srgb * 200
    assert image.info["xmp"] == b"<x/>"
    assert image.info["dpi"] == (300, 200)
    assert image.info["comment"] == b"a comment"
    assert image.getexif()[0x0110] == "Camera"
    assert image.getexif().get_ifd(0x8769)[0x829A] == 0.5


def test_iptc_stays_and_a_comment_does_not_leave_for_another_format(saved, colour, opened):
    iptc = segment(0xED, b"Photoshop 3.0\0")
    picture = decoded(with_segments(saved(colour, "JPEG"), iptc, segment(0xFE, b"a comment")))
    assert iptc in jpeg.encode(picture)
    from_tiff = Picture(picture.pixels, None, Format.TIFF, picture.metadata)
    assert "comment" not in opened(jpeg.encode(from_tiff)).info


@pytest.mark.parametrize(("unit", "dpi"), [(0, None), (1, (10, 20)), (2, (25.4, 50.8))])
def test_density_by_the_inch_and_by_the_centimetre(unit, dpi, saved, colour):
    data = saved(colour, "JPEG")
    density = struct.pack(">BHH", unit, 10, 20)
    start = data.index(b"JFIF\0") + 7
    picture = decoded(data[:start] + density + data[start + 5 :])
    assert picture.metadata.dpi == (dpi and pytest.approx(dpi))
    is_ratio = unit == 0  # pixels twice as wide as high, which no answer says
    assert picture.changes == ({Change.METADATA} if is_ratio else set())


def test_what_does_not_fit_into_segments_is_left_out(colour, opened):
    big = bytes(2**16)
    metadata = Metadata(icc=big * 256, exif=big, xmp=big, dpi=(1e5, 1e5))
    assert set(opened(jpeg.encode(Picture(colour, metadata=metadata))).info) == {
        *("jfif", "jfif_version", "jfif_unit", "jfif_density")
    }


def test_damaged_metadata_does_not_cost_the_picture(saved, colour):
    segments = [
        segment(0xE0, b"JFIF\0"),
        segment(0xE1, b"Exif\0\0damage"),
        segment(0xE1, b"Exif\0"),
        segment(0xE2, b"ICC_PROFILE\0"),
        segment(0xE2, b"MPF\0"),
    ]
    picture = decoded(with_segments(saved(colour, "JPEG"), *segments))
    assert picture.metadata == Metadata(jpeg=(75, "420"))


@pytest.mark.parametrize(("quality", "subsampling"), [(None, 0), (90, 0), (89, 2), (1, 2)])
def test_colour_keeps_its_resolution_at_high_quality(quality, subsampling, colour, opened):
    from PIL.JpegImagePlugin import get_sampling

    assert get_sampling(opened(jpeg.encode(Picture(colour), quality))) == subsampling


def test_quality_is_kept_high_unless_asked(colour):
    again = decoded(jpeg.encode(Picture(colour)))
    np.testing.assert_allclose(again.pixels, colour, atol=6)
    assert len(jpeg.encode(Picture(colour), 30)) < len(jpeg.encode(Picture(colour)))


def test_transparency_is_refused_and_opacity_is_dropped(colour):
    opaque = np.full(colour.shape[:2], 255, np.uint8)
    assert jpeg.encode(Picture(colour, opaque)) == jpeg.encode(Picture(colour))
    opaque[3, 3] = 254
    with pytest.raises(UnsuitableFormat, match="png, webp or tiff"):
        jpeg.encode(Picture(colour, opaque))


def test_sides_have_a_limit():
    with pytest.raises(UnsuitableFormat, match="65500"):
        jpeg.encode(Picture(np.zeros((1, 65_501, 1), np.uint8)))


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xCA])
def test_rare_processes_are_not_supported(marker, saved, colour):
    data = saved(colour, "JPEG").replace(b"\xff\xc0", bytes([0xFF, marker]))
    with pytest.raises(UnsupportedImage, match="lossless, arithmetic"):
        decoded(data)


def test_jpeg_ls_is_named(colour):
    with pytest.raises(UnsupportedImage, match="JPEG-LS"):
        decoded(imagecodecs.jpegls_encode(colour.astype(np.uint8)))


@pytest.mark.parametrize("changes", [{"precision": 12}, {"components": 2}, {"components": 5}])
def test_rare_samples_are_not_supported(changes, saved, colour):
    with pytest.raises(UnsupportedImage, match="not supported"):
        decoded(with_frame(saved(colour, "JPEG"), **changes))


@pytest.mark.parametrize("changes", [{"height": 0}, {"width": 0}, {"components": 1}])
def test_frames_that_make_no_sense_are_unreadable(changes, saved, colour):
    with pytest.raises(UnreadableImage):
        decoded(with_frame(saved(colour, "JPEG"), **changes))


def test_two_frames_are_one_too_many(saved, colour):
    data = saved(colour, "JPEG")
    start = data.index(b"\xff\xc0")
    frame = data[start : start + 19]
    for doubled in (with_segments(data, frame), data.replace(SCAN, frame + SCAN)):
        with pytest.raises(UnreadableImage):
            decoded(doubled)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_truncated_picture_is_unreadable(kept, saved, colour):
    data = saved(colour, "JPEG")
    with pytest.raises(UnreadableImage):
        decoded(data[: int(len(data) * kept)])


def test_what_follows_the_end_does_not_matter(saved, colour):
    data = saved(colour, "JPEG")
    np.testing.assert_array_equal(
        decoded(data + SCAN + bytes(100)).pixels, decoded(data).pixels
    )  # phones append films and gain maps


def test_scans_have_a_limit(saved, colour):
    data = saved(colour, "JPEG", progressive=True)
    scan = data[data.rindex(SCAN) : -2]
    assert decoded(data[:-2] + scan * 5 + data[-2:]).size
    with pytest.raises(TooManyPixels, match="scans"):
        decoded(data[:-2] + scan * MAX_SCANS + data[-2:])


def test_segments_have_a_limit(saved, colour):
    data = with_segments(saved(colour, "JPEG"), segment(0xFE, b"") * MAX_SEGMENTS)
    with pytest.raises(UnreadableImage):
        decoded(data)
