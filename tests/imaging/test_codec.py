import functools
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.imaging import formats, ifd
from app.imaging.codec import decode, encode, read_header
from app.imaging.formats.png.chunks import SIGNATURE, write_chunk
from app.imaging.picture import (
    Change,
    Format,
    ImagingError,
    Metadata,
    Picture,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.tags import Tag

LIMIT = 64_000_000
LOSSLESS = (Format.PNG, Format.TIFF)
ANY = [Format(each.name) for each in formats.of_all_pictures()]
DESCRIBED = [each for each in ANY if formats.FORMATS[each].holds.profile]
NOT_BY_PILLOW = (Format.JXL, Format.JP2)
"""Which Pillow does not read, or not with what describes an image."""


def decoded(data):
    return decode(data, max_pixels=LIMIT)


def patched(data, position, packing, *values):
    """The file with numbers written over it."""
    result = bytearray(data)
    struct.pack_into(packing, result, position, *values)
    return bytes(result)


def png_header(width, height, depth=8, colour_type=0):
    body = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return SIGNATURE + write_chunk(b"IHDR", body)


def tiff_header(values):
    fields: ifd.Tree = {tag: ifd.integers("<", ifd.LONG, value) for tag, value in values.items()}
    return ifd.header("<", 8) + ifd.pack(fields, "<", 8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 7), (255, 257)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("target", LOSSLESS)
def test_an_encoded_picture_decodes_to_itself(shape, channels, dtype, has_alpha, target):
    generator = np.random.default_rng(0)
    full = np.iinfo(dtype).max
    pixels = generator.integers(0, full, (*shape, channels), dtype, endpoint=True)
    alpha = generator.integers(0, full, shape, dtype, endpoint=True) if has_alpha else None
    encoded = encode(Picture(pixels, alpha, target))
    assert encoded.format is target
    header = read_header(encoded.data)
    assert (header.format, header.height, header.width, header.stack.frames) == (target, *shape, 1)
    again = decoded(encoded.data)
    assert (again.format, again.dtype) == (target, dtype)
    np.testing.assert_array_equal(again.pixels, pixels)
    assert (again.alpha is not None) is has_alpha
    if has_alpha:
        np.testing.assert_array_equal(again.alpha, alpha)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 7), (255, 257)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("target", [Format.JPEG, Format.WEBP])
def test_a_lossily_encoded_picture_decodes_to_nearly_itself(shape, channels, target):
    rows, columns = np.indices(shape)
    level = (rows + columns)[..., None] % 200
    pixels = np.repeat(level, channels, axis=-1).astype(np.uint8)
    again = decoded(encode(Picture(pixels, None, target)).data)
    assert again.pixels.shape[:2] == shape
    assert again.channels == (3 if target is Format.WEBP else channels)
    assert np.abs(again.pixels.astype(int) - level).mean() < 2


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("target", [Format.JPEG, Format.WEBP])
def test_depth_is_rounded_where_a_format_has_8_bits(dtype, target):
    full = 65_535 if dtype is np.uint16 else 1
    deep = np.full((16, 16, 3), full * 100.4 / 255).astype(dtype)
    np.testing.assert_allclose(decoded(encode(Picture(deep), target).data).pixels, 100, atol=1)


def test_a_picture_in_any_memory_order_is_encoded(noise):
    view = noise[::-1, ::2, :3].swapaxes(0, 1)
    for target in LOSSLESS:
        again = decoded(encode(Picture(view, noise[::-1, ::2, 3].T), target).data)
        np.testing.assert_array_equal(again.pixels, view)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_orientation_turns_pixels_and_alpha_once(orientation, kind, saved, opened, noise, exif):
    samples = noise.astype(np.uint8)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    picture = decoded(saved(samples, kind, exif=exif(orientation), **options))
    expected = samples.swapaxes(0, 1) if orientation >= 5 else samples
    expected = expected[::-1] if orientation in (3, 4, 7, 8) else expected
    expected = expected[:, ::-1] if orientation in (2, 3, 6, 7) else expected
    for turned in (picture, decoded(encode(picture).data)):
        np.testing.assert_array_equal(turned.pixels, expected[..., :3])
        np.testing.assert_array_equal(turned.alpha, expected[..., 3])
        assert turned.pixels.flags.c_contiguous
    again = opened(encode(picture).data)
    assert again.getexif()[0x0112] == 1
    assert again.getexif()[0x0110] == "Camera"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_a_jpeg_once(orientation, saved, opened, colour, exif):
    picture = decoded(saved(colour, "JPEG", exif=exif(orientation), quality=95, dpi=(300, 72)))
    assert (picture.height, picture.width) == ((9, 7) if orientation >= 5 else (7, 9))
    again = opened(encode(picture).data)
    assert again.size == (picture.width, picture.height)
    assert again.getexif()[0x0112] == 1
    assert again.info["dpi"] == ((72, 300) if orientation >= 5 else (300, 72))


@pytest.mark.parametrize("target", [each for each in DESCRIBED if each not in NOT_BY_PILLOW])
@pytest.mark.parametrize(("space", "channels"), [(b"RGB ", 1), (b"GRAY", 3), (b"GRAY", 1)])
def test_a_profile_that_does_not_fit_the_samples_is_left_out(
    target, space, channels, opened, colour
):
    icc = bytes(16) + space + bytes(108)
    picture = Picture(colour[..., :channels], None, target, Metadata(icc=icc))
    encoded = encode(picture)
    is_grey = channels == 1 and target is not Format.WEBP
    fits = space == (b"GRAY" if is_grey else b"RGB ")
    assert opened(encoded.data).info.get("icc_profile") == (icc if fits else None)
    assert (Change.PROFILE in encoded.changes) is not fits


@pytest.mark.parametrize("source", DESCRIBED)
@pytest.mark.parametrize("target", DESCRIBED)
def test_metadata_goes_from_any_format_to_any(source, target, opened, colour, srgb, exif):
    metadata = Metadata(
        icc=srgb,
        exif=exif().tobytes().removeprefix(b"Exif\0\0"),
        xmp=b"<x/>",
        dpi=(300, 300),
    )
    first = encode(Picture(colour, None, source, metadata)).data
    data = encode(decoded(first), target).data
    if target in NOT_BY_PILLOW:
        data = encode(decoded(data), Format.PNG).data
    image = opened(data)
    assert image.info["icc_profile"] == srgb
    assert image.info["xmp"] == b"<x/>"
    assert image.getexif()[0x0110] == "Camera"
    assert image.getexif().get_ifd(0x8769)[0x829A] == 0.5
    assert image.getexif().get_ifd(0x8825)[0x0001] == "N"
    if {Format.WEBP, Format.AVIF, Format.JXL}.isdisjoint((source, target)):
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)


@pytest.mark.parametrize("quality", [0, -1, 101])
def test_quality_has_a_range(quality, colour):
    with pytest.raises(UnsuitableFormat, match="between 1 and 100"):
        encode(Picture(colour), Format.JPEG, quality)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", UnreadableImage),
        (b"\x89PN", UnsupportedImage),
        (b"hello, world", UnsupportedImage),
        (b"%PDF-1.7", UnsupportedImage),
        (b"\0\0\0\x10ftypheic" + bytes(100), UnreadableImage),
        (b"RIFF\0\0\0\0WAVE", UnsupportedImage),
        (b"BM, as some texts begin", UnreadableImage),
        (SIGNATURE, UnreadableImage),
        (b"\xff\xd8\xff", UnreadableImage),
        (b"RIFF\0\0\0\0WEBP", UnreadableImage),
        (b"II*\0\0\0\0\0", UnreadableImage),
        (b"GIF89a", UnreadableImage),
        (png_header(0, 1), UnreadableImage),
    ],
)
def test_files_that_are_no_images_are_named_as_such(data, error):
    for read in (read_header, decoded):
        if read is read_header and data == png_header(0, 1):
            continue  # a header, but of nothing
        with pytest.raises(error) as caught:
            read(data)
        assert str(caught.value).endswith(".")


def test_limits_hold_at_their_very_number(colour):
    data = encode(Picture(colour)).data
    assert decode(data, max_pixels=63, max_side=9).size == 63
    with pytest.raises(TooManyPixels, match="9 x 7 pixels; at most 62"):
        decode(data, max_pixels=62)
    with pytest.raises(TooManyPixels, match="8 a side"):
        decode(data, max_pixels=63, max_side=8)


def lies(colour, saved):
    """Small files that declare huge pictures."""
    jpeg = encode(Picture(colour), Format.JPEG).data
    webp = saved(colour, "WEBP", lossless=True)
    tiff = {
        Tag.WIDTH: 65_000,
        Tag.HEIGHT: 65_000,
        Tag.BITS: 8,
        Tag.PHOTOMETRIC: 1,
        Tag.STRIP_OFFSETS: 8,
        Tag.STRIP_COUNTS: 8,
    }
    return {
        "png": png_header(2**31 - 1, 2**31 - 1) + write_chunk(b"IDAT", b"") + bytes(12),
        "jpeg": patched(jpeg, jpeg.index(b"\xff\xc0") + 5, ">HH", 65_500, 65_500),
        "webp": patched(webp, webp.index(b"VP8L") + 9, "<I", 0x0FFF_FFFF),
        "tiff": tiff_header(tiff),
        "bmp": patched(saved(colour, "BMP"), 18, "<ii", 2**31 - 1, 2**31 - 1),
        "gif": patched(saved(colour, "GIF"), 6, "<HH", 65_500, 65_500),
    }


@functools.cache
def bombs():
    """Small files that would inflate to a quarter of a gigabyte, or more."""
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(2**8)) + packer.flush()
    dot = write_chunk(b"IDAT", zlib.compress(b"\0\0")) + write_chunk(b"IEND", b"")
    strip = {
        Tag.WIDTH: 8,
        Tag.HEIGHT: 8,
        Tag.BITS: 8,
        Tag.COMPRESSION: 8,
        Tag.PHOTOMETRIC: 1,
        Tag.STRIP_OFFSETS: 1000,
        Tag.STRIP_COUNTS: len(bomb),
    }
    inner = bytes(imagecodecs.jpeg8_encode(np.zeros((8, 8), np.uint8), 90))
    inner = patched(inner, inner.index(b"\xff\xc0") + 5, ">HH", 65_500, 65_500)
    lie = strip | {Tag.COMPRESSION: 7, Tag.STRIP_COUNTS: len(inner)}
    one = png_header(1, 1)
    return {
        "png pixels": one + write_chunk(b"IDAT", bomb) + write_chunk(b"IEND", b""),
        "png profile": one + write_chunk(b"iCCP", b"x\0\0" + bomb) + dot,
        "png text": one + write_chunk(b"zTXt", b"x\0\0" + bomb) + dot,
        "png xmp": one + write_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb) * 9 + dot,
        "tiff strip": tiff_header(strip).ljust(1000, b"\0") + bomb,
        "tiff jpeg": tiff_header(lie).ljust(1000, b"\0") + inner,
        "png rows": png_header(8000, 8000, 16, 6) + write_chunk(b"IDAT", b"x\x9c") + bytes(12),
    }


MEASURE = """
import pathlib, resource, sys
from app.imaging.codec import decode
from app.imaging.picture import ImagingError

def attempt(data):
    try:
        return decode(data, max_pixels=64_000_000).size
    except ImagingError as error:
        return type(error).__name__

small, *files = [pathlib.Path(name).read_bytes() for name in sys.argv[1:]]
attempt(small)
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(*(attempt(data) for data in files))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before)
"""


def test_false_declarations_and_bombs_are_refused_without_memory(tmp_path, colour, saved):
    small = {"small": encode(Picture(colour)).data}
    expected = dict.fromkeys(lies(colour, saved), "TooManyPixels")
    expected |= dict.fromkeys(bombs(), "UnreadableImage")
    expected |= dict.fromkeys(("png profile", "png text", "png xmp"), "1")
    for name, data in (small | lies(colour, saved) | bombs()).items():
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in small | expected]
    command = [sys.executable, "-c", MEASURE, *paths]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    answers, grown = process.stdout.splitlines()[-2:]
    assert answers.split() == list(expected.values())
    assert int(grown) < 100 * 2**20


def test_threads_do_not_disturb_one_another(noise, srgb):
    pictures = [
        Picture(np.roll(noise, shift, axis=1)[..., :3], noise[..., 3], target, Metadata(icc=srgb))
        for shift in range(8)
        for target in LOSSLESS
    ]

    def trip(picture):
        return decoded(encode(picture).data)

    with ThreadPoolExecutor(8) as pool:
        for picture, again in zip(pictures, pool.map(trip, pictures), strict=True):
            np.testing.assert_array_equal(again.pixels, picture.pixels)
            np.testing.assert_array_equal(again.alpha, picture.alpha)
            assert again.metadata.icc == srgb


@pytest.fixture(scope="session")
def victims(saved, saved_tiff, colour, noise, srgb, exif):
    """Small valid files of all kinds."""
    samples = noise.astype(np.uint8)
    extras = {"icc_profile": srgb, "exif": exif(6), "dpi": (300, 200)}
    packings = ("lzw", "zlib", "packbits", "zstd", "jpeg")
    return [
        *(saved(samples, "PNG", mode, **extras) for mode in ("1", "LA", "P", "RGBA")),
        bytes(imagecodecs.png_encode(noise)),
        *(saved(colour, "JPEG", mode, xmp=b"<x/>", **extras) for mode in ("L", "RGB", "CMYK")),
        saved(colour, "JPEG", progressive=True),
        *(saved(samples, "WEBP", lossless=lossless, **extras) for lossless in (False, True)),
        *(saved(samples, "TIFF", mode, **extras) for mode in ("1", "P", "RGBA", "CMYK")),
        saved(samples, "TIFF", "1", compression="group4"),
        *(saved_tiff(colour, photometric="rgb", compression=packing) for packing in packings),
        saved_tiff(colour, photometric="rgb", tile=(16, 16), bigtiff=True),
        saved_tiff((colour / 255).astype(np.float32), photometric="rgb", compression="zlib"),
        *(saved(colour, "BMP", mode) for mode in ("1", "P", "RGB")),
        saved(colour, "GIF"),
    ]


@settings(max_examples=300)
@given(data=st.data())
def test_damage_gives_a_picture_or_an_error_of_ours(data, victims):
    file = bytearray(data.draw(st.sampled_from(victims)))
    if data.draw(st.booleans()):
        del file[data.draw(st.integers(0, len(file))) :]
    else:
        for _ in range(data.draw(st.integers(1, 5))):
            start = data.draw(st.integers(0, len(file) - 1))
            file[start : start + 1] = data.draw(st.binary(max_size=3))
            if not file:
                break
    try:
        picture = decode(bytes(file), max_pixels=10**6)
    except ImagingError as error:
        assert str(error)  # noqa: PT017 - either outcome will do
        return
    assert picture.size > 0
    again = decoded(encode(picture, Format.PNG).data)
    assert again.pixels.shape == picture.pixels.shape
