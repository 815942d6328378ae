import io
import struct
import tracemalloc

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from app.imaging import codec, ifd
from app.imaging.picture import (
    Change,
    Format,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.tags import Compression, Photometric, SampleFormat, Tag
from tests.fidelity.files import paletted_jp2
from tests.imaging.formats.decoding import decoded


def joined(picture):
    if picture.alpha is None:
        return picture.pixels.squeeze(-1) if picture.channels == 1 else picture.pixels
    return np.dstack((picture.pixels, picture.alpha))


def tiff_file(changes, segment=bytes(range(4)), order="<"):
    """A TIFF of 2 x 2 grey pixels in one strip behind its directory, with `changes` to its tags.

    A value is one number, several, or none, which leaves the tag out.
    """
    values = {
        Tag.WIDTH: 2,
        Tag.HEIGHT: 2,
        Tag.BITS: 8,
        Tag.COMPRESSION: 1,
        Tag.PHOTOMETRIC: 1,
        Tag.STRIP_OFFSETS: 2000,
        Tag.SAMPLES: 1,
        Tag.ROWS_PER_STRIP: 2,
        Tag.STRIP_COUNTS: len(segment),
    } | changes
    fields = {
        tag: ifd.integers(order, ifd.LONG, *np.atleast_1d(value).tolist())
        for tag, value in values.items()
        if value is not None
    }
    head = ifd.header(order, 8) + ifd.pack(fields, order, 8)
    return head.ljust(2000, b"\0") + segment


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize(
    ("compression", "predictor"),
    [(None, False), ("lzw", True), ("zlib", True), ("packbits", False), ("zstd", False)],
)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_layout_is_read(
    byteorder, tile, bigtiff, compression, predictor, channels, saved_tiff, noise
):
    samples = noise[..., 0] if channels == 1 else noise[..., :channels]
    photometric = "rgb" if channels > 2 else "minisblack"
    for dtype in (np.uint8, np.uint16, np.float32):
        stored = samples.astype(dtype) / (65_535 if dtype is np.float32 else 1)
        stored = stored.astype(dtype)
        for planar in ("contig", "separate") if channels > 1 else (None,):
            data = saved_tiff(
                np.moveaxis(stored, -1, 0) if planar == "separate" else stored,
                photometric=photometric,
                extrasamples=["unassalpha"] if channels in (2, 4) else None,
                planarconfig=planar,
                byteorder=byteorder,
                tile=tile,
                rowsperstrip=None if tile else 3,
                bigtiff=bigtiff,
                compression=compression,
                predictor=predictor,
            )
            picture = decoded(data)
            assert picture.format is Format.TIFF
            assert picture.dtype == dtype
            np.testing.assert_array_equal(joined(picture), stored)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_modes_of_pillow_are_read(mode, compression, saved, opened, noise):
    data = saved(noise.astype(np.uint8), "TIFF", mode, compression=compression)
    image = opened(data)
    expected = image.convert({"1": "L", "P": "RGB"}.get(mode, mode))
    np.testing.assert_array_equal(joined(decoded(data)), np.asarray(expected))


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4"])
def test_faxes_are_read(compression, saved, opened, noise):
    data = saved(noise.astype(np.uint8), "TIFF", "1", compression=compression)
    np.testing.assert_array_equal(joined(decoded(data)), np.asarray(opened(data).convert("L")))


@pytest.mark.parametrize("mode", ["L", "RGB", "YCbCr"])
def test_jpeg_inside_is_read(mode, saved, opened, colour):
    data = saved(colour, "TIFF", mode, compression="jpeg", quality=95)
    picture = decoded(data)
    expected = np.asarray(opened(data).convert("RGB" if mode == "YCbCr" else mode))
    np.testing.assert_allclose(joined(picture), expected, atol=3)


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("code", [33_005, 34_712])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_jpeg_2000_inside_is_read(saved_tiff, colour, code, tile, channels):
    deep = np.dstack([colour, colour[..., :1]])[..., :channels].astype(np.uint16) * 257
    kind: dict[str, object] = {"photometric": "minisblack" if channels == 1 else "rgb"}
    if channels == 4:
        kind["extrasamples"] = ["unassalpha"]
    data = saved_tiff(np.squeeze(deep), compression=code, tile=tile, **kind)
    np.testing.assert_array_equal(joined(decoded(data)), np.squeeze(deep))


def test_jpeg_2000_of_fewer_bits_than_the_image_has_is_read_as_it_is():
    twelve = np.array([[0, 4095], [1, 2]], np.uint16)
    segment = bytes(imagecodecs.jpeg2k_encode(twelve, bitspersample=12, reversible=True))
    changes = {Tag.COMPRESSION: 34_712, Tag.BITS: 16, Tag.STRIP_COUNTS: len(segment)}
    np.testing.assert_array_equal(joined(decoded(tiff_file(changes, segment))), twelve)


def test_jpeg_2000_of_a_palette_of_its_own_is_refused():
    segment = paletted_jp2(np.arange(4, dtype=np.uint8).reshape(2, 2), np.eye(4, 3))
    with pytest.raises(UnsupportedImage, match="of other samples"):
        decoded(tiff_file({Tag.COMPRESSION: 34_712}, segment))


def test_jpeg_2000_inside_has_few_headers_of_its_own():
    """As there may be thousands of such segments."""
    good = bytes(imagecodecs.jpeg2k_encode(np.zeros((2, 2), np.uint8), codecformat="j2k"))
    start = good.index(b"\xff\x90")
    for count in (50, 70):
        stream = good[:start] + b"\xff\x64\0\4\0\1" * count + good[start:]
        data = tiff_file({Tag.COMPRESSION: 34_712, Tag.STRIP_COUNTS: len(stream)}, stream)
        if count == 50:
            assert not decoded(data).pixels.any()
            continue
        with pytest.raises(UnsupportedImage, match="segments"):
            decoded(data)


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("args", [{"lossless": True}, {"level": 80}])
@pytest.mark.parametrize("alpha", [None, 255, 9])
def test_webp_inside_is_read(saved_tiff, colour, args, tile, alpha):
    """Of which encoders leave out an alpha that is opaque."""
    kind: dict[str, object] = {"photometric": "rgb", "tile": tile}
    if alpha is not None:
        colour = np.dstack([colour, np.full(colour.shape[:2], alpha, np.uint8)])
        kind["extrasamples"] = ["unassalpha"]
    data = saved_tiff(colour, compression="webp", compressionargs=args, **kind)
    expected = tifffile.imread(io.BytesIO(data))
    np.testing.assert_array_equal(joined(decoded(data)), expected)


def test_what_openjpeg_takes_for_a_segment_is_reckoned(saved_tiff):
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8)
    plain, coded = (
        codec.read_header(saved_tiff(noise, photometric="rgb", compression=each))
        for each in (None, "jpeg2000")
    )
    assert coded.decoded_bytes >= plain.decoded_bytes + 8 * noise.size


def test_tiles_of_jpeg_are_read(saved_tiff, colour):
    large = np.tile(colour, (4, 4, 1))
    data = saved_tiff(large, photometric="rgb", tile=(16, 16), compression="jpeg")
    np.testing.assert_array_equal(decoded(data).pixels, tifffile.imread(io.BytesIO(data)))


@given(st.integers(1, 15), st.sampled_from(["<", ">"]))
def test_odd_depths_are_spread_over_8_or_16_bits(bits, order):
    row = np.packbits([0] * bits + [1] * bits).tobytes()
    picture = decoded(tiff_file({Tag.BITS: bits}, row * 2, order))
    full = 255 if bits <= 8 else 65_535
    assert picture.depth == (8 if bits <= 8 else 16)
    np.testing.assert_array_equal(picture.pixels[..., 0], [[0, full], [0, full]])


def test_white_may_be_zero():
    changes = {Tag.PHOTOMETRIC: int(Photometric.WHITE_IS_ZERO)}
    np.testing.assert_array_equal(
        decoded(tiff_file(changes)).pixels[..., 0], [[255, 254], [253, 252]]
    )
    floats = np.array([0, 0.25, 0.5, 1], "<f4").tobytes()
    changes |= {Tag.BITS: 32, Tag.SAMPLE_FORMAT: 3}
    np.testing.assert_array_equal(
        decoded(tiff_file(changes, floats)).pixels.ravel(), [1, 0.75, 0.5, 0]
    )


@pytest.mark.parametrize(
    ("channels", "further", "photometric"),
    [(1, 0, 1), (2, 0, 1), (2, 1, 1), (3, 0, 2), (3, 2, 1), (4, 1, 2), (5, 2, 2), (5, 0, 1)],
)
def test_what_does_not_say_what_it_shows_is_grey_or_rgb(channels, further, photometric):
    changes = {Tag.SAMPLES: channels, Tag.BITS: [8] * channels, Tag.PHOTOMETRIC: None}
    changes |= {Tag.EXTRA_SAMPLES: [0] * further if further else None}
    said = {Tag.PHOTOMETRIC: photometric}
    found, expected = (
        decoded(tiff_file(each, bytes(range(4 * channels)))) for each in (changes, changes | said)
    )
    np.testing.assert_array_equal(joined(found), joined(expected))
    assert found.stack == expected.stack


def test_a_fax_that_does_not_say_so_is_black_on_white():
    changes = {Tag.COMPRESSION: int(Compression.FAX4), Tag.BITS: 1, Tag.PHOTOMETRIC: None}
    white = b"\xc0\x04\x00\x40"  # two rows like the one before them, then the end
    np.testing.assert_array_equal(joined(decoded(tiff_file(changes, white))), [[255] * 2] * 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({Tag.PHOTOMETRIC: 8}, "colour in CIE L"),
        ({Tag.PHOTOMETRIC: 77}, "the value 77 of Photometric"),
        ({Tag.COMPRESSION: 33_003}, "an image in JPEG 2000 of YCbCr"),
        ({Tag.SAMPLE_FORMAT: 6}, "an image of complex numbers"),
    ],
)
def test_what_is_not_supported_is_named_in_words(changes, words):
    with pytest.raises(UnsupportedImage, match=f"holds {words}.*, which is not supported; save it"):
        decoded(tiff_file(changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({Tag.BITS: 64}, "in grey, one channel of 64-bit integers, not compressed,"),
        ({Tag.PHOTOMETRIC: 3, Tag.BITS: 16}, "in a palette, one channel of 16-bit integers"),
        ({Tag.SAMPLE_FORMAT: 3, Tag.COMPRESSION: 5}, "8-bit floating-point numbers, compressed by"),
        ({Tag.PHOTOMETRIC: 6, Tag.SAMPLES: 3, Tag.BITS: [8] * 3}, "in YCbCr, 3 channels of 8-bit"),
    ],
)
def test_samples_that_are_not_supported_are_named_in_words(changes, words):
    with pytest.raises(UnsupportedImage, match=f"^A TIFF .*{words}.*save it as grey or RGB"):
        decoded(tiff_file(changes))


@pytest.mark.parametrize("photometric", Photometric)
@pytest.mark.parametrize("number", SampleFormat)
@pytest.mark.parametrize("compression", Compression)
def test_every_kind_of_samples_has_words(photometric, number, compression):
    changes = {Tag.PHOTOMETRIC: photometric, Tag.SAMPLE_FORMAT: number, Tag.BITS: 17}
    with pytest.raises(UnsupportedImage, match="one channel of 17-bit"):
        decoded(tiff_file(changes | {Tag.COMPRESSION: compression}))


def test_a_predictor_has_a_meaning_where_libtiff_sees_one_alone(opened):
    plain = tiff_file({Tag.PREDICTOR: 2})
    np.testing.assert_array_equal(decoded(plain).pixels[..., 0], np.asarray(opened(plain)))
    packed = bytes(imagecodecs.deflate_encode(bytes(range(4))))
    data = tiff_file({Tag.PREDICTOR: 2, Tag.COMPRESSION: Compression.DEFLATE}, packed)
    np.testing.assert_array_equal(decoded(data).pixels[..., 0], [[0, 1], [2, 5]])
    packed = bytes(imagecodecs.packbits_encode(bytes(range(4))))
    data = tiff_file({Tag.PREDICTOR: 2, Tag.COMPRESSION: Compression.PACKBITS}, packed)
    with pytest.raises(UnsupportedImage, match="programs differ"):
        decoded(data)


@pytest.mark.parametrize("scale", [1, 256, 257])
def test_palettes_that_fill_the_lower_the_upper_and_all_bits(scale):
    colours = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120]  # reds, greens, blues
    palette = [level * scale for level in colours]
    changes = {Tag.PHOTOMETRIC: 3, Tag.BITS: 2, Tag.PALETTE: palette}
    picture = decoded(tiff_file(changes, bytes([0b00010000, 0b10110000])))
    expected = [[[10, 50, 90], [20, 60, 100]], [[30, 70, 110], [40, 80, 120]]]
    np.testing.assert_array_equal(picture.pixels, expected)
    greys = tiff_file(changes | {Tag.PALETTE: palette[:4] * 3}, bytes(2))
    assert decoded(greys).channels == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_inks_become_rgb_and_their_profile_goes(dtype, saved_tiff, inverting_profile):
    inks = np.zeros((2, 2, 4), dtype)
    white = np.iinfo(dtype).max
    data = saved_tiff(inks, photometric="separated")
    np.testing.assert_array_equal(decoded(data).pixels, np.full((2, 2, 3), white))
    data = saved_tiff(inks, photometric="separated", iccprofile=inverting_profile)
    picture = decoded(data)
    np.testing.assert_array_equal(picture.pixels, np.zeros((2, 2, 3)))
    assert picture.metadata.icc is None


def test_premultiplied_colour_is_divided(saved_tiff):
    samples = np.full((2, 2, 4), 50, np.uint8)
    samples[..., 3] = 100
    data = saved_tiff(samples, photometric="rgb", extrasamples=["assocalpha"])
    picture = decoded(data)
    np.testing.assert_array_equal(picture.pixels, np.full((2, 2, 3), 128))
    np.testing.assert_array_equal(picture.alpha, samples[..., 3])


NUMBERS = ["i1", "u1", "i2", "u2", "i4", "u4", "f2", "f4", "f8"]


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("channels", [1, 3])
def test_numbers_of_any_type_come_back_in_it(dtype, byteorder, compression, channels, saved_tiff):
    kind = np.dtype(dtype)
    info = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    random = np.random.default_rng(0)
    samples = random.uniform(float(info.min) / 2, float(info.max) / 2, (9, 7, channels)).astype(
        kind
    )
    samples[0, 0], samples[0, 1] = info.min, info.max
    data = saved_tiff(
        samples if channels == 3 else samples[..., 0],
        photometric="rgb" if channels == 3 else "minisblack",
        byteorder=byteorder,
        compression=compression,
        predictor=compression is not None,
    )
    picture = decoded(data)
    assert picture.dtype == kind
    assert picture.changes == frozenset()
    np.testing.assert_array_equal(picture.pixels, samples)
    back = decoded(codec.encode(picture).data)
    assert back.dtype == kind
    np.testing.assert_array_equal(back.pixels, samples)
    written = tifffile.imread(io.BytesIO(codec.encode(picture).data))
    assert written.dtype == kind
    np.testing.assert_array_equal(written.reshape(samples.shape), samples)


@pytest.mark.parametrize("target", [Format.PNG, Format.JPEG, Format.WEBP])
@pytest.mark.parametrize("dtype", ["i1", "i2", "u4", "i4"])
def test_formats_that_cannot_hold_such_numbers_say_so(target, dtype, saved_tiff):
    picture = decoded(saved_tiff(np.zeros((3, 4), dtype)))
    with pytest.raises(UnsuitableFormat, match="ask for tiff"):
        codec.encode(picture, target)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf])
def test_floating_point_beyond_0_to_1_stays_in_tiff(value, saved_tiff):
    samples = np.array([[0, value]], np.float32)
    picture = decoded(saved_tiff(samples))
    np.testing.assert_array_equal(picture.pixels[..., 0], samples)
    with pytest.raises(UnsuitableFormat, match="ask for tiff"):
        codec.encode(picture, Format.PNG)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_between_0_and_1_may_become_png(dtype, saved_tiff):
    picture = decoded(saved_tiff(np.array([[0, 0.5], [0.25, 1]], dtype)))
    encoded = codec.encode(picture, Format.PNG)
    assert encoded.changes == {Change.DEPTH}
    found = decoded(encoded.data).pixels[..., 0]
    np.testing.assert_array_equal(found, [[0, 32_768], [16_384, 65_535]])


def test_pages_are_frames_and_thumbnails_are_not(saved_tiff, colour):
    pages = saved_tiff(np.stack([colour, 255 - colour]), photometric="rgb")
    header, picture = codec.read_header(pages), decoded(pages)
    assert (header.stack.frames, header.size) == (2, 2 * header.width * header.height)
    assert (picture.stack.frames, picture.height) == (2, len(colour))
    np.testing.assert_array_equal(picture.pixels, np.concatenate([colour, 255 - colour]))
    with pytest.raises(TooManyPixels, match="in 2 frames"):
        codec.decode(pages, max_pixels=header.size - 1)
    with pytest.raises(UnsuitableFormat, match="2 frames"):
        codec.encode(picture, Format.PNG)
    still = saved_tiff(colour, photometric="rgb")
    link = 8 + 2 + 12 * struct.unpack_from("<H", still, 8)[0]
    thumbnail = ifd.pack({Tag.SUBFILE: ifd.integers("<", ifd.LONG, 1)}, "<", len(still))
    data = still[:link] + struct.pack("<I", len(still)) + still[link + 4 :] + thumbnail
    assert codec.read_header(data).stack.frames == 1
    np.testing.assert_array_equal(decoded(data).pixels, colour)


def test_a_mask_is_no_page_and_named(colour):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(colour, photometric="rgb")
        tiff.write(colour[..., 0] > 99, photometric="mask", subfiletype=4)
    picture = decoded(file.getvalue())
    assert (picture.stack.frames, picture.changes) == (1, {Change.METADATA})
    np.testing.assert_array_equal(picture.pixels, colour)


def stack(**options):
    """Three slices with one directory, as tifffile writes them."""
    file = io.BytesIO()
    tifffile.imwrite(file, np.arange(48, dtype=np.uint16).reshape(3, 4, 4), **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        tiff_file({32_997: 3, 32_998: 1}, bytes(12)),  # of SGI
        tiff_file({33_629: [0] * 3}, bytes(12)),  # of MetaMorph
        stack(imagej=True, truncate=True),
    ],
)
def test_slices_without_pages_of_their_own_are_not_passed_over(data):
    with pytest.raises(UnsupportedImage, match="3 slices in one directory"):
        codec.read_header(data)


def test_a_page_saved_alone_may_tell_of_its_stack():
    file = io.BytesIO()
    said = "ImageJ=1.54\nimages=3\nslices=3\n"
    tifffile.imwrite(file, np.zeros((4, 4), np.uint16), description=said, metadata=None)
    assert codec.read_header(file.getvalue()).stack.frames == 1
    assert codec.read_header(stack(imagej=True)).stack.frames == 3


def test_a_thumbnail_that_comes_first_is_not_taken_for_the_picture(colour):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(colour[::2, ::2], photometric="rgb", subfiletype=1)
        writer.write(colour, photometric="rgb")
    header = codec.read_header(file.getvalue())
    assert (header.height, header.width, header.stack.frames) == (*colour.shape[:2], 1)
    picture = decoded(file.getvalue())
    np.testing.assert_array_equal(picture.pixels, colour)
    assert picture.changes == {Change.METADATA}


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("extra", [None, "unassalpha", "assocalpha"])
def test_a_picture_takes_no_more_memory_than_is_reckoned(saved_tiff, dtype, extra):
    samples = np.zeros((300, 300, 4 if extra else 3), dtype)
    more = {"extrasamples": [extra]} if extra else {}
    data = saved_tiff(samples, photometric="rgb", compression="zlib", **more)
    tracemalloc.start()
    codec.decode(data, max_pixels=300 * 300)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < codec.read_header(data).decoded_bytes + 2 * len(data) + 100_000


def test_a_camera_s_raw_file_is_not_taken_for_its_thumbnail():
    with pytest.raises(UnsupportedImage, match="a thumbnail alone"):
        decoded(tiff_file({Tag.SUBFILE: 1}))


@pytest.mark.parametrize(
    "changes",
    [
        {Tag.COMPRESSION: 6},
        {Tag.COMPRESSION: 34_887},
        {Tag.COMPRESSION: Compression.JPEG_2000, Tag.BITS: 32},
        {Tag.COMPRESSION: Compression.JPEG_2000, Tag.SAMPLE_FORMAT: 2, Tag.BITS: 16},
        {Tag.COMPRESSION: Compression.WEBP},
        {Tag.PHOTOMETRIC: 8},
        {Tag.PHOTOMETRIC: Photometric.YCBCR, Tag.SAMPLES: 3},
        {Tag.PHOTOMETRIC: Photometric.CMYK, Tag.SAMPLES: 4, Tag.BITS: 4},
        {Tag.PHOTOMETRIC: Photometric.CMYK, Tag.SAMPLES: 4, Tag.BITS: 32, Tag.SAMPLE_FORMAT: 3},
        {Tag.PHOTOMETRIC: Photometric.PALETTE, Tag.BITS: 16},
        {Tag.PHOTOMETRIC: Photometric.RGB},
        {Tag.PHOTOMETRIC: Photometric.CMYK, Tag.SAMPLES: 6},
        {Tag.SAMPLES: 5, Tag.COMPRESSION: Compression.JPEG},
        {Tag.SAMPLES: 3, Tag.BITS: [8, 8, 16]},
        {Tag.BITS: 24},
        {Tag.BITS: 8, Tag.SAMPLE_FORMAT: 3},
        {Tag.BITS: 0},
        {Tag.SAMPLE_FORMAT: 2, Tag.BITS: 12},
        {Tag.SAMPLE_FORMAT: 4},
        {Tag.COMPRESSION: Compression.JPEG, Tag.BITS: 16},
        {Tag.SAMPLES: 60_000},
    ],
)
def test_rare_kinds_are_not_supported(changes):
    with pytest.raises(UnsupportedImage):
        decoded(tiff_file(changes))


@pytest.mark.parametrize(
    "changes",
    [
        {Tag.WIDTH: 0},
        {Tag.HEIGHT: None},
        {Tag.STRIP_OFFSETS: None},
        {Tag.STRIP_OFFSETS: 2001},
        {Tag.STRIP_OFFSETS: 2**32 - 1},
        {Tag.STRIP_COUNTS: 0},
        {Tag.STRIP_COUNTS: 2**32 - 1},
        {Tag.ROWS_PER_STRIP: 1},
        {Tag.ROWS_PER_STRIP: 0},
        {Tag.HEIGHT: 3},
        {Tag.TILE_WIDTH: 0, Tag.TILE_HEIGHT: 16, Tag.TILE_OFFSETS: 2000, Tag.TILE_COUNTS: 4},
        {Tag.COMPRESSION: Compression.DEFLATE},
        {Tag.COMPRESSION: Compression.JPEG},
        {Tag.COMPRESSION: Compression.JPEG_2000},
        {Tag.COMPRESSION: Compression.LZW},
        {Tag.PHOTOMETRIC: Photometric.PALETTE},
        {Tag.PREDICTOR: 99},
    ],
)
def test_what_the_file_does_not_hold_is_unreadable(changes):
    with pytest.raises(UnreadableImage):
        decoded(tiff_file(changes))


def test_segments_that_overlap_are_refused():
    rows = 1000
    changes = {
        Tag.HEIGHT: rows,
        Tag.ROWS_PER_STRIP: 1,
        Tag.STRIP_OFFSETS: [0] * rows,
        Tag.STRIP_COUNTS: [9000] * rows,
        Tag.COMPRESSION: Compression.DEFLATE,
    }
    data = tiff_file(changes, bytes(9000))
    assert len(data) > 9000
    with pytest.raises(UnreadableImage, match="overlap"):
        decoded(data)


def test_tiles_may_not_be_much_larger_than_the_picture():
    tile = {Tag.TILE_WIDTH: 16, Tag.TILE_HEIGHT: 16, Tag.TILE_OFFSETS: 2000, Tag.TILE_COUNTS: 256}
    strip = {Tag.ROWS_PER_STRIP: None, Tag.STRIP_OFFSETS: None, Tag.STRIP_COUNTS: None}
    assert decoded(tiff_file(strip | tile, bytes(256))).size == 4
    with pytest.raises(UnsupportedImage, match="tiles larger"):
        decoded(tiff_file(strip | tile | {Tag.TILE_WIDTH: 2**31, Tag.TILE_HEIGHT: 2**31}))


def test_segments_have_a_limit():
    tile = {Tag.TILE_WIDTH: 1, Tag.TILE_HEIGHT: 1, Tag.TILE_OFFSETS: 2000, Tag.TILE_COUNTS: 1}
    data = tiff_file(tile | {Tag.WIDTH: 400, Tag.HEIGHT: 400})
    with pytest.raises(UnsupportedImage, match="segments"):
        codec.decode(data, max_pixels=10**6)


def jpeg_strip(pixels, tables=None):
    strip = bytes(imagecodecs.jpeg8_encode(pixels, 90))
    changes = {Tag.COMPRESSION: Compression.JPEG, Tag.JPEG_TABLES: tables and list(tables)}
    return tiff_file(changes, strip)


def test_jpeg_inside_may_not_be_larger_than_its_segment():
    square = np.zeros((2, 2), np.uint8)
    assert decoded(jpeg_strip(square)).size == 4
    with pytest.raises(UnreadableImage, match="larger than it should"):
        decoded(jpeg_strip(np.zeros((2, 300), np.uint8)))


def test_the_tables_of_jpeg_inside_may_not_hold_a_picture():
    square = np.zeros((2, 2), np.uint8)
    picture = bytes(imagecodecs.jpeg8_encode(np.zeros((300, 300), np.uint8), 90))
    data = jpeg_strip(square)
    fields = {Tag.JPEG_TABLES: ifd.Field(ifd.UNDEFINED, len(picture), picture)}
    (first,) = ifd.directories(data)
    packed = ifd.pack(ifd.tree(first) | fields, "<", len(data))
    with pytest.raises(UnreadableImage, match="tables"):
        decoded(data[:4] + struct.pack("<I", len(data)) + data[8:] + packed)


@pytest.mark.parametrize(("unit", "dpi"), [(1, None), (2, (300, 200)), (3, (762, 508))])
def test_resolution_by_the_inch_and_by_the_centimetre(unit, dpi, saved_tiff, colour):
    data = saved_tiff(colour, photometric="rgb", resolution=(300, 200), resolutionunit=unit)
    assert decoded(data).metadata.dpi == dpi


@pytest.mark.parametrize(("kind", "is_kept"), [("I", True), ("Q", False), ("q", False)])
def test_numbers_that_only_bigtiff_has_are_named(kind, is_kept):
    file = io.BytesIO()
    own = [(65_000, kind, 2, (5, 6), True)]
    tifffile.imwrite(file, np.zeros((4, 5), np.uint8), bigtiff=True, extratags=own, metadata=None)
    picture = codec.decode(file.getvalue(), max_pixels=20)
    assert picture.changes == (set() if is_kept else {Change.METADATA})


def test_metadata_that_overlaps_does_not_cost_the_picture():
    data = bytearray(tiff_file({1000 + tag: [0] * 20 for tag in range(60)}))
    for tag in range(60):
        record = struct.pack("<HHII", 1000 + tag, 1, 1500, 0)
        start = bytes(data).index(struct.pack("<HHI", 1000 + tag, ifd.LONG, 20))
        data[start : start + 12] = record
    picture = decoded(bytes(data))
    assert picture.size == 4
    assert picture.metadata.exif is None


@pytest.mark.parametrize("tag", [32_995, 32_996])
def test_older_fields_of_samples_are_not_copied(tag, opened):
    written = codec.encode(decoded(tiff_file({tag: 9}))).data
    assert tag not in next(ifd.directories(written)).fields
    np.testing.assert_array_equal(np.asarray(opened(written)).ravel(), range(4))
