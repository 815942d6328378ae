from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.imaging import codec
from app.imaging.formats.heif.boxes import boxes, write_box
from app.imaging.formats.jxl.bits import Writer
from app.imaging.formats.jxl.header import DEPTH_MAP, Head, Samples, read_head, write_head
from app.imaging.formats.jxl.profile import read_profile
from app.imaging.formats.jxl.stream import CONTAINER, codestream
from app.imaging.icc import adobe_rgb
from app.imaging.orientation import orient
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
from tests.imaging.formats.damage import damaged
from tests.imaging.formats.decoding import MAX_PIXELS, decoded

TRANSCODED = Path(__file__).with_name("transcoded.jxl").read_bytes()
"""A JPEG of 10 x 12 pixels in Adobe RGB, turned by EXIF, as libjxl transcodes it: in parts, with
compressed EXIF and the way back to the JPEG."""


def written(samples, **options):
    return codestream(bytes(imagecodecs.jpegxl_encode(samples, numthreads=1, **options)))


@pytest.fixture(scope="module")
def plain():
    return written(np.random.default_rng(1).integers(0, 256, (16, 24, 4), np.uint8), effort=1)


def picture(noise, dtype, channels, **more):
    """Noise of 1 to 4 channels, of which an even number has alpha."""
    samples = noise[..., :channels] | 8  # halves of less than 6e-5 libjxl would round
    if np.dtype(dtype).kind == "f":
        samples = samples / 65_535
    elif dtype == np.uint8:
        samples = samples >> 8
    samples = samples.astype(dtype)
    alpha = np.ascontiguousarray(samples[..., -1]) if channels % 2 == 0 else None
    count = 1 if channels < 3 else 3
    return Picture(np.ascontiguousarray(samples[..., :count]), alpha, Format.PNG, **more)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f2", "f4"])
@pytest.mark.parametrize("profile", [False, True])
def test_samples_and_metadata_come_back_to_the_bit(dtype, channels, profile, noise, exif):
    kind = "rgb" if channels > 2 else "gray"
    icc = bytes(imagecodecs.cms_profile(kind, gamma=1.8)) if profile else None
    metadata = Metadata(icc=icc, exif=exif().tobytes()[6:], xmp=b"<x/>")
    given = picture(noise, np.dtype(dtype).type, channels, metadata=metadata)
    answer = codec.encode(given, Format.JXL)
    assert not answer.changes
    again = decoded(answer.data)
    np.testing.assert_array_equal(again.pixels, given.pixels)
    assert again.dtype == given.dtype
    assert (again.alpha is None) == (given.alpha is None)
    assert given.alpha is None or (again.alpha == given.alpha).all()
    assert (again.format, again.changes) == (Format.JXL, frozenset())
    found = again.metadata
    assert (found.icc, found.exif, found.xmp) == (icc, metadata.exif, metadata.xmp)
    assert codec.encode(again).data == answer.data  # without loss, as it was


def test_what_others_transcode_is_read():
    found = decoded(TRANSCODED)
    assert found.pixels.shape == (10, 12, 3)
    assert found.metadata.icc[36:] == adobe_rgb()[36:]  # it was made at another time
    assert b"Camera" in found.metadata.exif
    assert found.changes == {Change.ORIENTATION}
    rows, columns = np.mgrid[0:12, 0:10]
    stored = np.dstack((columns * 20, rows * 18, (rows + columns) * 9)).clip(0, 255)
    assert np.abs(np.rot90(found.pixels.astype(int), 1) - stored).mean() < 6
    assert decoded(codec.encode(found).data).metadata.icc == found.metadata.icc


@pytest.mark.parametrize("bits", range(1, 17))
def test_every_depth_is_spread_over_8_or_16(bits, noise):
    samples = (noise[..., :3] >> (16 - bits)).astype(np.uint8 if bits <= 8 else np.uint16)
    found = decoded(written(samples, bitspersample=bits))
    full = 255 if bits <= 8 else 65_535
    expected = np.rint(samples * (full / (2**bits - 1)))
    np.testing.assert_array_equal(found.pixels, expected)
    assert found.changes == (set() if bits in (8, 16) else {Change.DEPTH})


def test_linear_light_is_known_and_kept(noise):
    found = decoded(written(noise[..., :3]))  # the encoder takes 16 bits to be linear
    assert found.metadata.linear
    again = decoded(codec.encode(found).data)
    assert again.metadata.linear
    np.testing.assert_array_equal(again.pixels, noise[..., :3])
    chunk = b"\0\0\0\4gAMA" + (100_000).to_bytes(4, "big") + bytes(4)
    marked = Metadata(colour=(chunk,), linear=True)
    answer = codec.encode(picture(noise, np.uint16, 3, metadata=marked), Format.JXL)
    assert not answer.changes
    assert decoded(answer.data).metadata.linear


def test_loss_is_asked_for_or_was_there_before():
    rows, columns = np.mgrid[0:64, 0:64]
    smooth = np.dstack((rows * 3, columns * 3, rows + columns)).astype(np.uint8)
    lossy, exact = (decoded(written(smooth, lossless=each)) for each in (False, True))
    assert len(codec.encode(lossy).data) < len(codec.encode(exact, quality=100).data)
    sizes = [len(codec.encode(exact, quality=each).data) for each in (30, 90)]
    assert sizes == sorted(sizes)
    assert np.abs(decoded(codec.encode(lossy).data).pixels - smooth.astype(int)).mean() < 2
    deep = Picture(smooth.astype(np.uint16) * 257, None, Format.JXL)
    np.testing.assert_array_equal(decoded(codec.encode(deep, quality=30).data).pixels, deep.pixels)
    wide = Picture(smooth, None, Format.JXL, Metadata(icc=adobe_rgb()))
    np.testing.assert_array_equal(decoded(codec.encode(wide, quality=30).data).pixels, smooth)


def test_the_colours_of_hidden_pixels_are_kept(noise):
    given = picture(noise, np.uint8, 4)
    given.alpha[:] = 0
    np.testing.assert_array_equal(
        decoded(codec.encode(given, Format.JXL).data).pixels, given.pixels
    )


def test_a_profile_that_cannot_be_told_is_named(noise, monkeypatch):
    given = picture(noise, np.uint8, 3, metadata=Metadata(icc=adobe_rgb()))
    data = codec.encode(given, Format.JXL).data
    monkeypatch.setattr("app.imaging.formats.jxl.profile.libjxl", lambda: None)
    found = decoded(data)
    assert (found.metadata.icc, found.changes) == (None, {Change.PROFILE})


def test_a_damaged_profile_is_none(plain):
    head = read_head(plain)
    assert read_profile(write_head(head, True).taken() + plain[8:]) is None
    assert read_profile(b"") is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_codestream_alone_says_how_it_is_turned(orientation, colour, exif):
    stream = written(colour)
    head = read_head(stream)
    writer = Writer()
    writer.bits(0x0AFF, 16)
    writer.bits(0)
    for side in (head.height, head.width):
        writer.number(side, (1, 9), (1, 13), (1, 18), (1, 30))
        if side == head.height:
            writer.bits(0, 3)
    writer.bits(0b10, 2)
    writer.bits(orientation - 1, 3)
    writer.bits(0, 3)
    writer.bits(0, 3)  # 8 bits
    writer.bits(1)
    writer.bits(0, 2)
    writer.bits(0)
    writer.bits(1)
    writer.bits(1)
    writer.bits(0, 2)
    writer.bits(1)
    turned = writer.taken() + stream[-(-head.bits // 8) :]
    block = exif(3).tobytes()[6:]
    file = b"".join((CONTAINER, write_box(b"Exif", bytes(4), block), write_box(b"jxlc", turned)))
    found = decoded(file)
    np.testing.assert_array_equal(found.pixels, orient(colour, orientation))
    assert found.changes == ({Change.ORIENTATION} if orientation > 1 else set())
    assert decoded(codec.encode(found).data).pixels.shape == found.pixels.shape


def test_metadata_beside_the_picture_is_named(plain):
    more = write_box(b"jhgm", b"map"), write_box(b"jumb", b"words")
    found = decoded(b"".join((CONTAINER, *more, write_box(b"jxlc", plain))))
    assert found.changes == {Change.GAIN_MAP, Change.METADATA}
    bomb = bytes(imagecodecs.brotli_encode(bytes(1 << 24)))
    found = decoded(CONTAINER + write_box(b"brob", b"xml ", bomb) + write_box(b"jxlc", plain))
    assert (found.metadata.xmp, found.changes) == (None, {Change.METADATA})


def test_animations_are_refused(colour):
    with pytest.raises(UnsupportedImage, match="animated"):
        decoded(written(np.stack([colour, 255 - colour])))


def test_channels_without_a_meaning_are_refused(colour):
    planes = colour.transpose(2, 0, 1)
    with pytest.raises(UnsupportedImage, match="channels"):
        decoded(written(planes, photometric="gray", planar=True))


def parts(stream, numbers):
    """The codestream in as many boxes as there are numbers."""
    step = -(-len(stream) // len(numbers))
    return b"".join(
        write_box(b"jxlp", number.to_bytes(4, "big"), stream[place * step : (place + 1) * step])
        for place, number in enumerate(numbers)
    )


LAST = 1 << 31


def test_parts_are_put_together(plain):
    found = decoded(CONTAINER + parts(plain, [0, 1, LAST | 2]))
    np.testing.assert_array_equal(found.pixels, decoded(plain).pixels)


@pytest.mark.parametrize("numbers", [[0], [0, 1], [1, LAST], [LAST, 1], [0, LAST | 2], [0, 0]])
def test_parts_out_of_order_are_unreadable(plain, numbers):
    with pytest.raises(UnreadableImage, match="order"):
        decoded(CONTAINER + parts(plain, numbers))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        write_box(b"jxlc", b""),
        write_box(b"jxlc", b"\xff\x0a"),
        b"\xff\xff\xff\xffjxlc",
        b"\0\0\0\1jxlc" + b"\xff" * 8,
        write_box(b"jxlc", b"\xff\x0a\0\0"),
    ],
)
def test_containers_without_a_picture_are_unreadable(body):
    with pytest.raises(UnreadableImage):
        decoded(CONTAINER + body)


def test_two_pictures_in_a_file_are_refused(plain):
    with pytest.raises(UnreadableImage, match="several"):
        decoded(CONTAINER + 2 * write_box(b"jxlc", plain))


@pytest.mark.parametrize("side", [1 << 14, 1 << 18, 1 << 30])
def test_claims_of_size_are_refused_before_any_pixel_is_decoded(side, plain):
    head = write_head(Head(side, side, samples=Samples(8), alpha=True), False)
    with pytest.raises(TooManyPixels):
        decoded(head.taken() + plain[-(-read_head(plain).bits // 8) :])
    assert len(list(boxes(codec.encode(decoded(plain)).data))) == 3


@settings(max_examples=150)
@given(st.data())
def test_damage_raises_only_imaging_errors(plain, data):
    try:
        found = decoded(data.draw(damaged(plain, TRANSCODED)))
    except ImagingError:
        return
    assert found.size <= MAX_PIXELS


@pytest.mark.parametrize("maps", [2, 400])
def test_of_several_depth_maps_none_is_decoded(maps):
    with pytest.raises(UnsupportedImage, match="besides colours, alpha and depth"):
        read_head(of_depth_maps(maps))
    assert read_head(of_depth_maps(1)).depth_map


def of_depth_maps(count):
    """The header of an image of 8 x 8, grey."""
    head = Writer()
    head.bits(0x0AFF, 16)
    head.bits(1, 1 + 5)  # eight rows
    head.bits(1, 3)  # and as many columns
    head.bits(0, 1 + 1)  # neither all as usual, nor more than that
    head.bits(0, 1 + 2)  # of 8 bits
    head.bits(1)
    head.number(count, (0, 0), (1, 0), (2, 4), (1, 12))
    for _ in range(count):
        head.bits(0)
        head.kind(DEPTH_MAP)
        head.bits(0, 1 + 2 + 2 + 2)  # of 8 bits, not enlarged, without a name
    head.bits(0)
    head.bits(1)  # of sRGB
    head.bits(0, 2)
    head.bits(1)
    return head.taken()
