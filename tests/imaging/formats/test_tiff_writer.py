import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from app.imaging import codec, ifd
from app.imaging.codec import Metadata, Picture
from app.imaging.formats.tiff import writer as tiff_writer
from app.imaging.tags import Tag


def decoded(data):
    return codec.decode(data, max_pixels=10**6)


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
    assert codec.encode(picture, codec.Format.PNG).changes == {codec.Change.CHANNEL}
