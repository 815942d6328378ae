import struct

import numpy as np
import pytest
from PIL import Image

from app.imaging import codec
from app.imaging.formats import webp
from app.imaging.picture import (
    Change,
    Format,
    Picture,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from tests.imaging.formats.decoding import decoded


def riff(*chunks):
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pixels_are_those_that_pillow_reads(lossless, mode, saved, opened, noise):
    data = saved(noise.astype(np.uint8), "WEBP", mode, lossless=lossless)
    picture = decoded(data)
    assert picture.format is Format.WEBP
    assert picture.metadata.lossless is lossless
    image = np.asarray(opened(data))
    np.testing.assert_array_equal(picture.pixels, image[..., :3])
    assert (picture.alpha is not None) is (mode == "RGBA")
    if mode == "RGBA":
        np.testing.assert_array_equal(picture.alpha, image[..., 3])


def test_without_loss_comes_back_without_loss_under_transparency_too(saved, noise):
    samples = noise.astype(np.uint8)
    samples[2, :, 3] = 0
    picture = decoded(saved(samples, "WEBP", lossless=True, exact=True))
    again = decoded(webp.encode(picture))
    assert again.metadata.lossless
    np.testing.assert_array_equal(again.pixels, samples[..., :3])
    np.testing.assert_array_equal(again.alpha, samples[..., 3])


def test_colours_under_transparency_stay_where_there_is_loss(smooth):
    colour, alpha = smooth[..., :3], np.full(smooth.shape[:2], 255, np.uint8)
    alpha[:, :20] = 0
    again = decoded(webp.encode(Picture(colour, alpha), 95))
    np.testing.assert_allclose(again.pixels, colour.astype(float), atol=8)


def test_a_quality_asks_for_loss(saved, colour):
    picture = decoded(saved(colour, "WEBP", lossless=True))
    assert not decoded(webp.encode(picture, 50)).metadata.lossless


def test_alpha_is_exact_even_where_colour_is_not(noise, colour):
    alpha = noise[..., 3].astype(np.uint8)
    again = decoded(webp.encode(Picture(colour, alpha)))
    np.testing.assert_array_equal(again.alpha, alpha)
    assert not again.metadata.lossless


@pytest.mark.parametrize("has_alpha", [False, True])
def test_grey_becomes_three_equal_channels(has_alpha, noise, colour):
    alpha = noise[..., 3].astype(np.uint8) if has_alpha else None
    again = decoded(webp.encode(Picture(colour[..., :1], alpha)))
    assert again.channels == 3
    assert (again.alpha is not None) is has_alpha
    np.testing.assert_allclose(again.pixels, colour[..., :1].repeat(3, -1), atol=8)


def test_metadata_is_read_from_pillow_and_by_pillow(saved, opened, colour, srgb, exif):
    data = saved(colour, "WEBP", icc_profile=srgb, exif=exif(), xmp=b"<x/>")
    image = opened(webp.encode(decoded(data)))
    assert image.info["icc_profile"] == srgb
    assert image.info["xmp"] == b"<x/>"
    assert image.getexif()[0x0110] == "Camera"


def test_a_file_that_is_cut_between_two_chunks_is_said_to_be(saved, colour, exif):
    data = saved(colour, "WEBP", exif=exif())
    assert decoded(data).changes == set()
    cut = decoded(data[: data.index(b"EXIF")])
    assert cut.changes == {Change.END}
    np.testing.assert_array_equal(cut.pixels, decoded(data).pixels)


def test_exif_may_have_the_prefix_of_jpeg(saved, colour, exif):
    block = exif().tobytes().removeprefix(b"Exif\0\0")
    header = struct.pack("<B3x3s3s", 8, (8).to_bytes(3, "little"), (6).to_bytes(3, "little"))
    pixels = saved(colour, "WEBP")[20:]
    data = riff((b"VP8X", header), (b"VP8 ", pixels), (b"EXIF", b"Exif\0\0" + block))
    assert decoded(data).metadata.exif[:4] == block[:4]


def test_animations_are_refused(saved, colour):
    frames = [Image.fromarray(255 - colour)]
    data = saved(colour, "WEBP", save_all=True, append_images=frames)
    header = codec.read_header(data)
    assert (header.width, header.height, header.stack.frames) == (9, 7, 2)
    with pytest.raises(UnsupportedImage, match="animated"):
        decoded(data)


def test_sides_have_a_limit():
    with pytest.raises(UnsuitableFormat, match="16383"):
        webp.encode(Picture(np.zeros((16_384, 1, 1), np.uint8)))


@pytest.mark.parametrize(
    "data",
    [
        riff(),
        riff((b"ICCP", b"profile")),
        riff((b"VP8 ", b"")),
        riff((b"VP8L", b"")),
        riff((b"VP8L", b"\x2f\0\0\0\0")),
        riff((b"VP8X", bytes(10))),
        riff((b"VP8 ", bytes(20)))[:-1],
    ],
)
def test_containers_without_a_picture_are_unreadable(data):
    with pytest.raises(UnreadableImage):
        decoded(data)


def test_a_canvas_of_another_size_than_the_picture_is_unreadable(saved, colour):
    header = struct.pack("<B3x3s3s", 0, (99).to_bytes(3, "little"), (99).to_bytes(3, "little"))
    data = saved(colour, "WEBP")
    with pytest.raises(UnreadableImage):
        decoded(riff((b"VP8X", header), (b"VP8 ", data[20:])))


def test_chunks_have_a_limit():
    with pytest.raises(UnsupportedImage, match="chunks"):
        decoded(riff(*[(b"JUNK", b"")] * webp.MAX_CHUNKS))
