import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from app.imaging import codec, ifd
from app.imaging.changes import stripped
from app.imaging.formats.tiff import writer as tiff_writer
from app.imaging.picture import Change, Format, Metadata, Picture
from app.imaging.tags import Tag
from tests.imaging.formats.decoding import decoded


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tifffile_reads_what_was_written(dtype, channels, has_alpha, order, noise):
    scale = 65_535 if dtype is np.float32 else 1
    samples = np.tile((noise.astype(np.float64) / scale).astype(dtype), (200, 30, 1))
    pixels, alpha = samples[..., :channels], samples[..., 3] if has_alpha else None
    note = {270: ifd.Field(ifd.ASCII, 5, b"note\0")}
    metadata = Metadata(exif=ifd.header(order, 8) + ifd.pack(note, order, 8))
    data = tiff_writer.encode(Picture(pixels, alpha, metadata=metadata))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        assert file.byteorder == order
        assert page.description == "note"
        assert page.dtype == dtype
        assert len(page.dataoffsets) > 1
        expected = pixels.squeeze() if alpha is None else np.dstack((pixels, alpha))
        np.testing.assert_array_equal(page.asarray(), expected)


def test_pillow_reads_pixels_and_metadata(colour, opened, srgb, exif):
    block = exif().tobytes().removeprefix(b"Exif\0\0")
    metadata = Metadata(icc=srgb, exif=block, xmp=b"<x/>", dpi=(300, 72.5))
    image = opened(tiff_writer.encode(Picture(colour, metadata=metadata)))
    np.testing.assert_array_equal(np.asarray(image), colour)
    assert image.info["icc_profile"] == srgb
    assert image.info["xmp"] == b"<x/>"
    assert image.info["dpi"] == (300, 72.5)
    assert image.getexif()[0x0110] == "Camera"
    assert image.getexif().get_ifd(0x8769)[0x829A] == 0.5
    assert image.getexif().get_ifd(0x8825)[0x0001] == "N"


def test_tags_that_describe_the_picture_come_back_and_others_do_not(saved_tiff, colour):
    geography, thresholding = 33_550, 263
    data = saved_tiff(
        colour,
        photometric="rgb",
        software="a program",
        extratags=[(geography, 12, 3, (1.0, 2.0, 3.0), True), (thresholding, 3, 1, 1, True)],
    )
    (directory,) = ifd.directories(tiff_writer.encode(decoded(data)))
    assert bytes(directory.fields[305].value) == b"a program\0"
    assert struct.unpack("<3d", directory.fields[geography].value) == (1, 2, 3)
    assert thresholding not in directory.fields


def test_damaged_exif_is_left_behind(colour):
    data = tiff_writer.encode(Picture(colour, metadata=Metadata(exif=b"damage")))
    np.testing.assert_array_equal(decoded(data).pixels, colour)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 90_000)])
def test_strips_fit_any_shape(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    with Image.open(io.BytesIO(tiff_writer.encode(Picture(pixels)))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_directories_begin_at_even_offsets():
    for width in range(1, 9):
        data = tiff_writer.encode(Picture(np.zeros((1, width, 1), np.uint8)))
        assert struct.unpack_from("<I", data, 4)[0] % 2 == 0
        assert Tag.EXIF not in next(ifd.directories(data)).fields


@pytest.mark.parametrize("channels", [1, 3])
def test_a_channel_of_no_stated_meaning_stays_one(channels, saved_tiff, noise):
    photometric = "rgb" if channels == 3 else "minisblack"
    samples = noise[..., [*range(channels), 3]]
    data = saved_tiff(
        samples, photometric=photometric, extrasamples=["unspecified"], planarconfig=1
    )
    picture = decoded(data)
    assert picture.alpha is None
    assert picture.changes == frozenset()
    np.testing.assert_array_equal(picture.extra, samples[..., -1])
    encoded = codec.encode(picture)
    assert encoded.changes == frozenset()
    with tifffile.TiffFile(io.BytesIO(encoded.data)) as file:
        assert file.pages.first.extrasamples == (0,)
        np.testing.assert_array_equal(file.asarray(), samples)
    assert codec.encode(picture, Format.PNG).changes == {Change.CHANNEL}


def test_pages_keep_their_order_their_words_and_their_ome_xml():
    file = io.BytesIO()
    pages = np.random.default_rng(1).integers(0, 4096, (3, 17, 9), dtype=np.uint16)
    resolution = {"resolution": (1000, 2000), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(file, ome=True) as writer:
        writer.write(pages, metadata={"axes": "ZYX", "PhysicalSizeZ": 0.5}, **resolution)
    picture = codec.decode(file.getvalue(), max_pixels=pages.size)
    assert not picture.changes
    encoded = codec.encode(picture)
    assert not encoded.changes
    file.seek(0)
    with tifffile.TiffFile(file) as before, tifffile.TiffFile(io.BytesIO(encoded.data)) as after:
        assert after.ome_metadata == before.ome_metadata
        assert after.series[0].axes == "ZYX"
        np.testing.assert_array_equal(after.asarray(), pages)
        for old, new in zip(before.pages, after.pages, strict=True):
            assert new.get_resolution("INCH") == old.get_resolution("INCH")


def test_each_page_keeps_its_own_fields():
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=True, byteorder=">") as writer:
        for number in range(3):
            tags = [(285, 2, 0, f"slice {number}", True), (297, 3, 2, (number, 3), True)]
            page = np.full((4, 5, 3), number, np.uint8)
            more = {"subfiletype": 2, "extratags": tags, "metadata": None}
            writer.write(page, photometric="rgb", description=f"page {number}", **more)
    picture = codec.decode(file.getvalue(), max_pixels=100)
    with tifffile.TiffFile(io.BytesIO(codec.encode(picture).data)) as after:
        for number, page in enumerate(after.pages):
            assert page.description == f"page {number}"
            assert page.tags[285].value == f"slice {number}"
            assert page.tags[297].value == (number, 3)
            assert page.subfiletype == 2
            assert (page.asarray() == number).all()
    bare = codec.encode(stripped(picture))
    assert bare.changes == {Change.METADATA}
    with tifffile.TiffFile(io.BytesIO(bare.data)) as after:
        assert len(after.pages) == 3
        assert 285 not in after.pages[1].tags


def test_white_may_be_zero_in_some_pages(noise):
    grey, polarities = noise[..., :1], ["minisblack", "miniswhite", "minisblack"]
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tiff:
        for polarity in polarities:
            tiff.write(grey[..., 0], photometric=polarity)
    picture = decoded(file.getvalue())
    shown = np.concatenate([grey, np.invert(grey), grey])
    np.testing.assert_array_equal(picture.pixels, shown)
    encoded = codec.encode(picture)
    assert encoded.changes == set()
    with tifffile.TiffFile(io.BytesIO(encoded.data)) as tiff:
        assert [page.photometric.name.lower() for page in tiff.pages] == polarities
        for page in tiff.pages:
            np.testing.assert_array_equal(page.asarray(), grey[..., 0])
    np.testing.assert_array_equal(decoded(codec.encode(stripped(picture)).data).pixels, shown)


def test_pages_are_turned_upright_one_by_one():
    file = io.BytesIO()
    pages = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    with tifffile.TiffWriter(file) as writer:
        for page in pages:
            writer.write(page, extratags=[(274, 3, 1, 6, True)], metadata=None)
    encoded = codec.encode(codec.decode(file.getvalue(), max_pixels=12))
    with tifffile.TiffFile(io.BytesIO(encoded.data)) as after:
        np.testing.assert_array_equal(after.asarray(), np.rot90(pages, -1, axes=(1, 2)))
        assert {page.tags[274].value for page in after.pages} == {1}


def test_what_pages_say_of_their_sides_is_turned_with_them():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for _ in range(3):
            turned = [(274, 3, 1, 6, True)]
            sides = {"resolution": (300, 100), "extratags": turned, "metadata": None}
            writer.write(np.zeros((2, 3), np.uint8), **sides)
    encoded = codec.encode(codec.decode(file.getvalue(), max_pixels=18))
    with tifffile.TiffFile(io.BytesIO(encoded.data)) as after:
        across, down = ([page.tags[tag].value for page in after.pages] for tag in (282, 283))
    assert (across, down) == ([(100, 1)] * 3, [(300, 1)] * 3)
