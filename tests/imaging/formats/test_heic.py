import struct
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from app.imaging import codec, formats
from app.imaging.formats.heic.hevc import read_sequence
from app.imaging.formats.heif.boxes import Box, write_box
from app.imaging.formats.heif.items import Item, read_items
from app.imaging.formats.heif.writer import write_items
from app.imaging.picture import (
    Change,
    Format,
    ImagingError,
    TooManyPixels,
    UnreadableImage,
    UnsupportedImage,
)
from tests.fidelity.files import FILM, heic, heic_beside
from tests.fidelity.foreign import ftyp
from tests.imaging.formats import decoding
from tests.imaging.formats.damage import damaged

MAX_PIXELS = 100_000

decoded = partial(decoding.decoded, max_pixels=MAX_PIXELS)


@pytest.fixture(scope="module")
def plain(smooth):
    return heic(smooth[..., :3], 8)


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_come_in_their_depth(bits, channels, smooth):
    samples = smooth[..., :channels].squeeze()
    picture = decoded(heic(samples, bits))
    deep = {Change.DEPTH} if bits > 8 else set()
    assert picture.changes == {Change.FORMAT} | deep
    assert picture.format is (Format.JPEG if bits == 8 and channels < 4 else Format.AVIF)
    assert picture.depth == (8 if bits == 8 else 16)
    assert (picture.alpha is not None) == (channels == 4)
    planes = [*np.moveaxis(picture.pixels, 2, 0)]
    planes += [] if picture.alpha is None else [picture.alpha]
    for found, expected in zip(planes, np.moveaxis(smooth, 2, 0), strict=False):
        assert np.abs(found / np.iinfo(found.dtype).max * 255 - expected).mean() < 1.5


@pytest.mark.parametrize("chroma", [420, 422])
def test_colours_of_less_resolution_are_enlarged(chroma, smooth):
    picture = decoded(heic(smooth[..., :3], 8, chroma=chroma))
    assert np.abs(picture.pixels - smooth[..., :3].astype(float)).mean() < 2


def test_grids_are_read_as_phones_write_them(smooth):
    data = heic(np.tile(smooth[..., :3], (4, 4, 1)), 8, tile_size=64)
    assert read_items(data)[1].kind == b"grid"
    picture = decoded(data)
    assert np.abs(picture.pixels - np.tile(smooth[..., :3], (4, 4, 1)).astype(float)).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_are_made_once(orientation, smooth, exif):
    data = heic(smooth[..., :3], 8, exif=exif(orientation).tobytes())
    assert any(each.name in (b"irot", b"imir") for each in read_items(data)[1].properties) == (
        orientation > 1
    )
    block = exif(6).tobytes()  # which only repeats, or contradicts, what the container says
    items = read_items(data)
    described = replace(items[2], data=bytes(4) + block.removeprefix(b"Exif\0\0"))
    picture = decoded(write_items(b"heic", [items[1], described]))
    image = Image.fromarray(smooth[..., :3])
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image)).astype(float)
    assert np.abs(picture.pixels - upright).mean() < 2
    assert (Change.ORIENTATION in picture.changes) == (orientation > 1)
    again = decoded(codec.encode(picture).data)
    assert again.pixels.shape == picture.pixels.shape


def test_metadata_is_kept(smooth, opened, exif, srgb):
    data = heic(smooth[..., :3], 8, exif=exif().tobytes(), xmp=b"<x/>", icc_profile=srgb)
    answer = codec.encode(decoded(data))
    assert answer.changes == {Change.FORMAT}
    image = opened(answer.data)
    assert (image.format, image.info["icc_profile"], image.info["xmp"]) == ("JPEG", srgb, b"<x/>")
    assert image.getexif()[0x0110] == "Camera"
    assert image.getexif().get_ifd(0x8825)


def test_light_beyond_srgb_keeps_its_numbers_and_its_name(smooth):
    data = heic(smooth[..., :3], 10, color_primaries=9, transfer_characteristics=16)
    picture = decoded(data)
    assert picture.metadata.colour[0][4:12] == b"cICP\x09\x10\0\1"
    answer = codec.encode(picture)
    assert answer.format is Format.AVIF
    assert answer.changes == {Change.FORMAT, Change.DEPTH}
    assert decoded(answer.data).metadata.colour == picture.metadata.colour


AUXILIARY = {
    b"urn:mpeg:hevc:2015:auxid:2": Change.DEPTH_MAP,
    b"urn:com:apple:photo:2020:aux:hdrgainmap": Change.GAIN_MAP,
    b"urn:com:apple:photo:2018:aux:portraiteffectsmatte": Change.METADATA,
}


@pytest.mark.parametrize("kind", AUXILIARY)
def test_what_lies_beside_the_picture_is_named(kind, plain):
    picture = decoded(heic_beside(plain, kind))
    assert picture.changes == {Change.FORMAT, AUXILIARY[kind]}
    np.testing.assert_array_equal(picture.pixels, decoded(plain).pixels)


def test_the_film_of_a_motion_photo_is_named(plain):
    picture = decoded(plain + write_box(b"mpvd", FILM))
    assert picture.changes == {Change.FORMAT, Change.FILM}


@pytest.mark.parametrize("brand", ["heic", "heix", "hevc", "heim", "heis", "mif1", "msf1"])
def test_it_is_known_by_its_brands(brand):
    assert formats.of_file(ftyp(brand.encode(), b"mif1")).name == "heic"
    assert formats.of_file(ftyp(brand.encode(), b"avif")).name == "avif"
    assert formats.need_threads(ftyp(b"avif"), ftyp(b"mif1", brand.encode()))
    assert not formats.need_threads(ftyp(b"mif1", b"avif"), b"BM")


def test_an_installation_without_its_extra_says_so(plain, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UnsupportedImage, match=r"denoiser\[heif\]"):
        codec.read_header(plain)


def test_pixels_have_a_limit_before_any_is_decoded(plain):
    with pytest.raises(TooManyPixels):
        codec.decode(plain, max_pixels=40 * 50 - 1)


def test_it_is_not_written(plain):
    with pytest.raises(UnsupportedImage, match="can be written"):
        formats.of_name("heic")


class Parameters:
    """A sequence parameter set, bit by bit."""

    def __init__(self, width, height, chroma=1, crop=None, depths=(0, 0), layers=0):
        self.bits = f"{0:04b}{layers:03b}1" + "0" * 96
        self.bits += ("11" * layers + "0" * (2 * (8 - layers)) + "0" * 96 * layers) * bool(layers)
        self.put(0, chroma)
        self.bits += "0" * (chroma == 3)
        self.put(width, height)
        self.bits += str(int(crop is not None))
        self.put(*crop or (), *depths)
        self.bits += "1" + "0" * 64

    def put(self, *numbers):
        for number in numbers:
            digits = f"{number + 1:b}"
            self.bits += "0" * (len(digits) - 1) + digits

    @property
    def unit(self):
        size = len(self.bits) // 8
        body = int(self.bits[: 8 * size], 2).to_bytes(size, "big")
        return b"\x42\x01" + body.replace(b"\0\0", b"\0\0\3")


def item(*units, data=b"", length=4):
    arrays = b"".join(b"\x21" + struct.pack(">HH", 1, len(unit)) + unit for unit in units)
    settings = bytes(21) + bytes([length - 1, len(units)]) + arrays
    return Item(b"hvc1", data=data, properties=[Box(b"hvcC", settings)])


def behind_its_length(unit):
    return struct.pack(">I", len(unit)) + unit


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        (Parameters(64, 48), (64, 48, 8)),
        (Parameters(64, 48, crop=(0, 7, 1, 4)), (50, 38, 8)),
        (Parameters(64, 48, chroma=3, crop=(0, 7, 1, 4)), (57, 43, 8)),
        (Parameters(64, 48, chroma=0, depths=(2, 0)), (64, 48, 10)),
        (Parameters(512, 512, depths=(4, 4), layers=2), (512, 512, 12)),
    ],
)
def test_the_size_is_read_from_the_stream(parameters, found):
    unit = parameters.unit
    assert read_sequence(item(unit)) == found
    assert read_sequence(item(unit, data=behind_its_length(unit))) == found


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (item(Parameters(64, 48, crop=(0, 32, 0, 0)).unit), "cropped"),
        (item(Parameters(64, 48, depths=(0, 2)).unit), "12 bits"),
        (item(Parameters(64, 48, depths=(6, 6)).unit), "12 bits"),
        (item(Parameters(64, 48, chroma=4).unit), "planes"),
        (item(Parameters(64, 48).unit, Parameters(64, 40).unit), "differ"),
        (
            item(Parameters(8, 8).unit, data=behind_its_length(Parameters(8192, 8192).unit)),
            "differ",
        ),
        (item(Parameters(64, 48).unit, length=2), "four bytes"),
        (item(Parameters(64, 48).unit[:20]), "truncated"),
        (item(b"\x42\1" + bytes([0xFF] * 13) + bytes(400)), "damaged"),
        (item(Parameters(64, 48).unit, data=b"\0\0\1\0"), "truncated"),
        (item(Parameters(64, 48).unit, data=bytes(4) * 5000), "more than 4096"),
        (item(*[Parameters(64, 48).unit] * 101), "more than 100"),
        (item(*[Parameters(64, 48).unit + bytes(1 << 10)] * 65), "more than 65536"),
        (item(), "no header"),
        (Item(b"hvc1"), "no header"),
    ],
)
def test_streams_that_lie_or_are_not_read_are_refused(given, reason):
    with pytest.raises((UnreadableImage, UnsupportedImage), match=reason):
        read_sequence(given)


@settings(max_examples=100)
@given(st.data())
def test_damage_raises_only_imaging_errors(plain, data):
    try:
        picture = decoded(data.draw(damaged(plain)))
    except ImagingError:
        return
    assert picture.size <= MAX_PIXELS
