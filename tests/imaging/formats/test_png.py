import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.imaging import codec
from app.imaging.formats.png.chunks import MAX_CHUNKS, SIGNATURE, read_chunks, write_chunk
from app.imaging.formats.png.head import ADAM7
from app.imaging.formats.png.writer import encode
from app.imaging.picture import Change, Format, Metadata, Picture, UnreadableImage, UnsupportedImage
from tests.fidelity.files import by_pillow
from tests.imaging.formats.decoding import decoded

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6


def png_file(rows, width, depth, colour_type, *chunks, interlaced=False, stream=None):
    """A PNG of rows already packed to `depth` bits, each without its filter's byte."""
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour_type, 0, 0, interlaced)
    stream = stream or zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    parts = [write_chunk(b"IHDR", header), *chunks, write_chunk(b"IDAT", stream)]
    return b"".join([SIGNATURE, *parts, write_chunk(b"IEND", b"")])


def chunk_names(data):
    return [bytes(chunk.name) for chunk in read_chunks(data)][:-1]  # without the end


@pytest.mark.parametrize(
    ("depth", "row", "levels"),
    [
        (1, [0b10100000], [255, 0, 255, 0]),
        (2, [0b00011011], [0, 85, 170, 255]),
        (4, [0x0F, 0x1E], [0, 255, 17, 238]),
        (8, [0, 1, 2, 255], [0, 1, 2, 255]),
    ],
)
def test_grey_of_few_bits_becomes_8_bit_grey(depth, row, levels):
    picture = decoded(png_file([row], 4, depth, GREY))
    assert picture.pixels.dtype == np.uint8
    np.testing.assert_array_equal(picture.pixels, [[[level] for level in levels]])


def test_16_bits_are_read_big_end_first():
    picture = decoded(png_file([struct.pack(">6H", *range(256, 262))], 2, 16, RGB))
    np.testing.assert_array_equal(picture.pixels.ravel(), range(256, 262))
    assert picture.depth == 16


@pytest.mark.parametrize(
    ("depth", "colour_type", "row", "transparent", "alpha"),
    [
        (8, GREY, [5, 6], [0, 5], [0, 255]),
        (1, GREY, [0b10000000], [0, 1], [0, 255]),
        (16, GREY, [1, 2, 3, 4], [3, 4], [65_535, 0]),
        (8, RGB, [1, 2, 3, 4, 5, 6], [0, 1, 0, 2, 0, 3], [0, 255]),
        (16, RGB, [0, 1, 0, 2, 0, 3, 9, 9, 9, 9, 9, 9], [0, 1, 0, 2, 0, 3], [0, 65_535]),
    ],
)
def test_a_transparent_colour_becomes_alpha(depth, colour_type, row, transparent, alpha):
    chunk = write_chunk(b"tRNS", bytes(transparent))
    picture = decoded(png_file([row], 2, depth, colour_type, chunk))
    np.testing.assert_array_equal(picture.alpha, [alpha])
    assert picture.channels == (1 if colour_type == GREY else 3)
    assert "tRNS" not in chunk_names(encode(picture))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_palette_becomes_rgb_and_one_of_greys_grey(depth):
    row = {1: [0b01000000], 2: [0b00010000], 4: [0x01], 8: [0, 1]}[depth]
    colours = write_chunk(b"PLTE", bytes([1, 2, 3, 4, 5, 6]))
    greys = write_chunk(b"PLTE", bytes([7, 7, 7, 9, 9, 9]))
    alpha = write_chunk(b"tRNS", bytes([100]))
    picture = decoded(png_file([row], 2, depth, PALETTE, colours))
    np.testing.assert_array_equal(picture.pixels, [[[1, 2, 3], [4, 5, 6]]])
    assert picture.alpha is None
    picture = decoded(png_file([row], 2, depth, PALETTE, greys, alpha))
    np.testing.assert_array_equal(picture.pixels, [[[7], [9]]])
    np.testing.assert_array_equal(picture.alpha, [[100, 255]])


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (5, 5), (9, 7), (17, 16)])
@pytest.mark.parametrize("colour_type", [GREY, RGB_ALPHA])
def test_interlaced_pictures_are_put_together(width, height, colour_type):
    channels = 1 if colour_type == GREY else 4
    samples = np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)
    passes = [samples[top::down, left::across] for left, top, across, down in ADAM7]
    rows = [row.tobytes() for part in passes if part.shape[1] for row in part]
    stream = zlib.compress(b"".join(b"\0" + row for row in rows))
    data = png_file([b""] * height, width, 8, colour_type, interlaced=True, stream=stream)
    picture = decoded(data)
    together = picture.pixels if channels == 1 else np.dstack((picture.pixels, picture.alpha))
    np.testing.assert_array_equal(together, samples)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour_type", [GREY, RGB, GREY_ALPHA, RGB_ALPHA])
def test_samples_survive_bit_by_bit(depth, colour_type, noise, opened):
    samples = noise if depth == 16 else noise.astype(np.uint8)
    pixels = samples[..., : 1 if colour_type in (GREY, GREY_ALPHA) else 3]
    alpha = samples[..., 3] if colour_type in (GREY_ALPHA, RGB_ALPHA) else None
    data = encode(Picture(pixels, alpha))
    assert (data[24], data[25]) == (depth, colour_type)
    again = decoded(data)
    np.testing.assert_array_equal(again.pixels, pixels)
    if alpha is None:
        assert again.alpha is None
    else:
        np.testing.assert_array_equal(again.alpha, alpha)
    assert opened(data).size == (9, 7)


def test_floats_are_written_with_16_bits():
    again = decoded(encode(Picture(np.array([[[0.5]]], np.float32))))
    np.testing.assert_array_equal(again.pixels, [[[32_768]]])


def test_metadata_is_read_from_pillow_and_by_pillow(saved, opened, colour, srgb, exif):
    text = PngInfo()
    text.add_text("Title", "A test")
    text.add_text("Comment", "In secret", zip=True)
    text.add_itxt("XML:com.adobe.xmp", "<x/>", zip=True)
    text.add(b"gAMA", struct.pack(">I", 45_455))
    data = saved(
        colour, "PNG", icc_profile=srgb, exif=exif(), dpi=(300, 200), pnginfo=text, compress_level=1
    )
    image = opened(encode(decoded(data)))
    assert image.info["icc_profile"] == srgb
    assert image.info["dpi"] == pytest.approx((300, 200), abs=0.02)
    assert image.info["gamma"] == pytest.approx(0.45455)
    assert image.info["Title"], image.info["Comment"] == ("A test", "In secret")
    assert image.info["xmp"] == b"<x/>"
    assert image.getexif()[0x0110] == "Camera"


def test_only_chunks_that_hold_for_other_pixels_are_copied():
    copied = {b"gAMA": 4, b"cICP": 4, b"tEXt": 12, b"prVa": 12}
    dropped = dict.fromkeys((b"bKGD", b"tIME", b"hIST", b"prVA"), 12)
    chunks = [write_chunk(name, bytes(size)) for name, size in (copied | dropped).items()]
    chunks += [write_chunk(b"zTXt", b"Raw profile type exif\0\0")]
    picture = decoded(png_file([[0]], 1, 8, GREY, *chunks))
    assert chunk_names(encode(picture)) == [b"IHDR", *copied, b"IDAT"]
    elsewhere = Picture(picture.pixels, None, Format.TIFF, picture.metadata)
    assert chunk_names(encode(elsewhere)) == [b"IHDR", b"gAMA", b"cICP", b"IDAT"]


BOMB = zlib.compress(bytes(1 << 24))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        *((name, b"") for name in (b"ab1c", b"a\0Bc", b"a Bc", b"\xff\xff\xd0\xff", b"aabc")),
        (b"cHRM", bytes(31)),
        *((b"gAMA", bytes(size)) for size in (3, 5)),
        *((name, b"") for name in (b"sRGB", b"cICP", b"mDCV", b"cLLI")),
        *((b"zTXt", b"a\0" + text) for text in (b"", b"\1" + BOMB, b"\0" + BOMB, b"\0no stream")),
        (b"iTXt", b"a\0\1\0\0\0" + BOMB),
    ],
)
def test_chunks_for_which_readers_refuse_a_file_are_left_out_and_named(name, body, opened):
    picture = decoded(png_file([[0]], 1, 8, GREY, write_chunk(name, body)))
    assert picture.changes == {Change.METADATA}
    written = encode(picture)
    assert chunk_names(written) == [b"IHDR", b"IDAT"]
    assert opened(written).getpixel((0, 0)) == 0


def test_colours_are_defined_once():
    chunks = [write_chunk(b"gAMA", struct.pack(">I", gamma)) for gamma in (45_455, 100_000)]
    picture = decoded(png_file([[0]], 1, 8, GREY, *chunks))
    assert picture.metadata.colour == (chunks[0],)
    assert picture.changes == {Change.METADATA}


def test_compressed_texts_have_room_for_one_long_one_together():
    long, short = (b"a\0\0" + zlib.compress(b"x" * size) for size in (5 << 20, 9))
    chunks = [write_chunk(b"zTXt", body) for body in (long, long, short)]
    picture = decoded(png_file([[0]], 1, 8, GREY, *chunks))
    assert picture.metadata.native == (chunks[0], chunks[2])


def test_damaged_metadata_does_not_cost_the_picture():
    unsound = bytearray(write_chunk(b"tEXt", b"Title\0text"))
    unsound[-1] ^= 1
    chunks = [
        bytes(unsound),
        write_chunk(b"iCCP", b"no end of the name"),
        write_chunk(b"iCCP", b"name\0\0damage"),
        write_chunk(b"iCCP", b""),
        write_chunk(b"eXIf", b"damage"),
        write_chunk(b"pHYs", b"short"),
        write_chunk(b"pHYs", bytes(8) + b"\1"),
        write_chunk(b"iTXt", b"XML:com.adobe.xmp\0"),
        write_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0damage"),
    ]
    picture = decoded(png_file([[3]], 1, 8, GREY, *chunks))
    assert picture.pixels == 3
    assert picture.metadata == Metadata()


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize("prefix", [b"Exif\0\0", b""])
def test_exif_in_a_text_chunk_is_read_and_written_as_exif(name, prefix, exif, opened):
    block = exif(6).tobytes().removeprefix(b"Exif\0\0")
    digits = (prefix + block).hex().encode()
    lines = [digits[start : start + 72] for start in range(0, len(digits), 72)]
    text = b"\n".join([b"\nexif", b"%8d" % (len(digits) // 2), *lines, b""])
    body = {
        b"tEXt": text,
        b"zTXt": b"\0" + zlib.compress(text),
        b"iTXt": bytes(4) + text,
    }[name]
    chunk = write_chunk(name, b"Raw profile type exif\0" + body)
    picture = decoded(png_file([[1, 2, 3]], 3, 8, GREY, chunk))
    assert (picture.width, picture.height) == (1, 3)
    image = opened(encode(picture))
    assert image.getexif()[0x0110] == "Camera"
    assert image.getexif()[0x0112] == 1
    assert chunk_names(encode(picture)) == [b"IHDR", b"eXIf", b"IDAT"]


@pytest.mark.parametrize(
    "text", [b"", b"\nexif\n  3\nabc", b"\nexif\n  2\n\xff", b"\nexif\n 2\nabcd"]
)
def test_a_text_chunk_that_holds_no_exif_is_left_out_and_named(text):
    chunk = write_chunk(b"tEXt", b"Raw profile type exif\0" + text)
    picture = decoded(png_file([[1]], 1, 8, GREY, chunk))
    assert picture.metadata == Metadata()
    assert picture.changes == {Change.METADATA}


@pytest.mark.parametrize("beside", [False, True])
def test_an_image_beside_the_only_frame_is_not_taken_for_that(beside):
    first, other = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    file = io.BytesIO()
    frames = [other] if beside else []
    first.save(file, "PNG", save_all=True, append_images=frames, default_image=beside)
    assert (b"fdAT" in file.getvalue()) == beside
    assert codec.read_header(file.getvalue()).stack.frames == 1 + beside


def test_animations_are_refused_and_a_single_frame_is_not():
    control = [write_chunk(b"acTL", struct.pack(">II", frames, 0)) for frames in (1, 2)]
    still, moving = (png_file([[0]], 1, 8, GREY, chunk) for chunk in control)
    assert decoded(still).size == 1
    assert codec.read_header(moving).stack.frames == 2
    with pytest.raises(UnsupportedImage, match="animated"):
        decoded(moving)


def test_pixels_must_be_neither_fewer_nor_many_more_than_declared():
    with pytest.raises(UnreadableImage):
        decoded(png_file([[0, 0]], 3, 8, GREY))
    assert decoded(png_file([bytes(1000)], 3, 8, GREY)).width == 3  # some encoders pad
    with pytest.raises(UnreadableImage):
        decoded(png_file([bytes(10**6)], 3, 8, GREY))


def test_too_many_chunks_are_refused():
    chunks = write_chunk(b"prVa", b"") * MAX_CHUNKS
    with pytest.raises(UnsupportedImage, match="chunks"):
        decoded(png_file([[0]], 1, 8, GREY, chunks))


@pytest.mark.parametrize("colour_type", [1, 5, 7, PALETTE])
def test_a_colour_type_that_is_none_or_lacks_its_palette(colour_type):
    with pytest.raises(UnreadableImage):
        decoded(png_file([[0]], 1, 8, colour_type))


@pytest.mark.parametrize(
    "tail", [b"", b"\0\0", bytes(40), b"\0\0\0\x09tEXtno", b"\xff\xff\xff\xffIEND", b"garbage" * 9]
)
def test_pixels_without_an_end_behind_them_are_read(saved, colour, tail):
    whole = saved(colour, "PNG")
    end = whole.index(b"IEND") - 4
    picture = decoded(whole[:end] + tail)
    np.testing.assert_array_equal(picture.pixels, colour)
    assert picture.changes == {Change.END}


@pytest.mark.parametrize(("tail", "lost"), [(b"\r\n\0", set()), (b"PK..", {Change.METADATA})])
def test_what_follows_the_end_is_named(saved, colour, tail, lost):
    assert decoded(saved(colour, "PNG") + tail).changes == lost


def test_a_png_whose_pixels_are_cut_is_refused(saved, colour):
    whole = saved(colour, "PNG")
    end = whole.index(b"IEND") - 4
    for place in (*range(40, end, 7), end - 1):
        with pytest.raises(UnreadableImage):
            decoded(whole[:place])


def test_pixels_that_their_checksums_deny_are_refused():
    good = zlib.compress(b"\0\1\2")
    assert decoded(png_file([[1, 2]], 2, 8, GREY, stream=good)).size == 2
    with pytest.raises(UnreadableImage):  # that of the stream
        decoded(png_file([[1, 2]], 2, 8, GREY, stream=good[:-1] + bytes([good[-1] ^ 1])))
    data = bytearray(png_file([[1, 2]], 2, 8, GREY))
    data[data.index(b"IEND") - 5] ^= 1  # that of the chunk
    with pytest.raises(UnreadableImage, match="damaged"):
        decoded(bytes(data))


@pytest.mark.parametrize("damage", [b"", b"no zlib", zlib.compress(b"no profile")])
def test_a_damaged_profile_is_left_out_and_named(saved, colour, damage):
    chunk = write_chunk(b"iCCP", b"name\0\0" + damage)
    data = saved(colour, "PNG")
    picture = decoded(data[:33] + chunk + data[33:])
    assert picture.metadata.icc is None
    assert picture.changes == {Change.PROFILE}


def test_a_png_of_an_app_for_iphones_is_named():
    data = by_pillow(np.zeros((2, 2), np.uint8), "PNG")
    for_app = SIGNATURE + write_chunk(b"CgBI", b"P\0 \2") + data[len(SIGNATURE) :]
    with pytest.raises(UnsupportedImage, match="apps for iPhones"):
        codec.decode(for_app, max_pixels=4)
