import struct
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from app.imaging import codec, formats
from app.imaging.formats.heif.boxes import Box, boxes, write_box, write_full_box
from app.imaging.formats.heif.items import Item, Items, read_items
from app.imaging.formats.heif.picture import Coded, coded
from app.imaging.formats.heif.writer import write_items
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
from tests.fidelity.files import avif
from tests.imaging.formats.damage import damaged
from tests.imaging.formats.decoding import MAX_PIXELS, decoded


@pytest.fixture(scope="module")
def plain():
    return avif(np.random.default_rng(1).integers(0, 256, (16, 24, 4), np.uint8))


@pytest.fixture(scope="module")
def tile():
    return avif(np.full((64, 64, 3), 90, np.uint8))


def grid(tile, rows, columns, width, height, tiles=None):
    """A file whose picture is made of one tile, again and again."""
    (item,) = read_items(tile).by_number.values()
    whole = read_items(tile)[1]
    size = struct.pack(">II", width, height)
    head = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    of_grid = type(item)(
        b"grid",
        data=head,
        properties=[
            each._replace(body=bytes(4) + size) if each.name == b"ispe" else each
            for each in whole.properties
            if each.name in (b"ispe", b"pixi", b"colr")
        ],
    )
    count = rows * columns if tiles is None else tiles
    return Coded(width, height, b"av01", (whole,) * count, of_grid).file(b"avif", b"av1C")


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_are_those_that_libavif_reads(bits, channels, noise):
    samples = (noise[..., :channels] >> (16 - bits)).astype(np.uint8 if bits == 8 else np.uint16)
    data = avif(samples.squeeze(), bits)
    picture = decoded(data)
    assert picture.format is Format.AVIF
    assert picture.changes == ({Change.DEPTH} if bits > 8 else set())
    expected = imagecodecs.avif_decode(data, numthreads=1).reshape(samples.shape).astype(float)
    expected = np.rint(expected * (255 if bits == 8 else 65_535) / (2**bits - 1))
    np.testing.assert_array_equal(picture.pixels, expected[..., : min(channels, 3)])
    assert (picture.alpha is not None) == (channels == 4)
    if picture.alpha is not None:
        np.testing.assert_array_equal(picture.alpha, expected[..., 3])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_are_made_once(orientation, saved, opened, colour, exif):
    data = saved(colour, "AVIF", quality=90, exif=exif(orientation))
    image = Image.fromarray(np.asarray(opened(saved(colour, "AVIF", quality=90))))
    image.getexif()[0x0112] = orientation
    picture = decoded(data)
    np.testing.assert_array_equal(picture.pixels, np.asarray(ImageOps.exif_transpose(image)))
    assert (Change.ORIENTATION in picture.changes) == (orientation > 1)
    again = decoded(codec.encode(picture, Format.PNG).data)
    np.testing.assert_array_equal(again.pixels, picture.pixels)


def test_exif_does_not_turn_what_the_container_has_turned(saved, colour, exif):
    block = exif(6)
    block[0x0113] = 6
    data = saved(colour, "AVIF", exif=block)  # Pillow leaves out the orientation, as others do not
    said = data.replace(b"\1\x13\0\3", b"\1\x12\0\3")
    assert said != data
    np.testing.assert_array_equal(decoded(said).pixels, decoded(data).pixels)
    assert decoded(said).pixels.shape == (9, 7, 3)
    assert decoded(codec.encode(decoded(said)).data).pixels.shape == (9, 7, 3)


def test_decoders_get_the_first_property_of_each_name(plain):
    item = read_items(plain)[1]
    more = [Box(b"ispe", struct.pack(">4xII", side, side)) for side in range(1, 2000)]
    file = coded(Items({1: replace(item, properties=item.properties + more)}, 1), 1, b"av01")
    assert read_items(file.file(b"avif", b"av1C"))[1].size == item.size
    assert len(read_items(file.file(b"avif", b"av1C"))[1].properties) <= 4


def test_xmp_does_not_turn_what_the_container_has_turned(saved, colour, exif):
    data = saved(colour, "AVIF", exif=exif(6), xmp=b'<x tiff:Orientation="6"/>')
    picture = decoded(data)
    assert picture.changes == {Change.ORIENTATION}
    assert picture.metadata.xmp == b'<x tiff:Orientation="1"/>'


def test_metadata_is_kept(saved, opened, colour, exif, srgb):
    data = saved(colour, "AVIF", exif=exif(), xmp=b"<x/>", icc_profile=srgb)
    image = opened(codec.encode(decoded(data)).data)
    assert image.info["icc_profile"] == srgb
    assert image.getexif()[0x0110] == "Camera"
    assert decoded(data).metadata.xmp == b"<x/>"


@pytest.mark.parametrize(
    ("kind", "content", "described", "is_lost"),
    [
        (b"Exif", b"", [1], False),
        (b"Exif", b"", [], True),
        (b"Exif", b"", [7], True),  # a part that is not there
        (b"mime", b"application/rdf+xml", [1], False),
        (b"mime", b"application/rdf+xml", [], True),
        (b"mime", b"application/json", [1], True),
    ],
)
def test_metadata_that_is_not_of_the_image_is_named(kind, content, described, is_lost, plain, exif):
    image = read_items(plain)[1]
    text = b"<x/>" if content else bytes(4) + exif().tobytes().removeprefix(b"Exif\0\0")
    item = Item(kind, content, data=text, references={b"cdsc": described} if described else {})
    file = write_items(b"avif", [replace(image, references={}), item])
    assert decoded(file).changes == ({Change.METADATA} if is_lost else set())


def test_exif_may_have_the_mark_that_it_has_in_jpeg(plain, exif):
    image, block = read_items(plain)[1], exif().tobytes()
    item = Item(b"Exif", data=bytes(4) + block, references={b"cdsc": [1]})
    picture = decoded(write_items(b"avif", [replace(image, references={}), item]))
    assert block.startswith(b"Exif\0\0")
    assert picture.changes == set()
    assert picture.metadata.exif == block.removeprefix(b"Exif\0\0")


def test_a_second_description_of_the_image_is_named(plain):
    image = read_items(plain)[1]
    xmp = Item(b"mime", b"application/rdf+xml", data=b"<x/>", references={b"cdsc": [1]})
    file = write_items(b"avif", [replace(image, references={}), xmp, replace(xmp, data=b"<y/>")])
    picture = decoded(file)
    assert (picture.metadata.xmp, picture.changes) == (b"<x/>", {Change.METADATA})


def test_light_beyond_srgb_keeps_its_numbers_and_its_name(noise):
    picture = decoded(avif(noise[..., :3] >> 6, 10, primaries=9, transfer=16, matrix=1))
    targets = {Format(each.name) for each in formats.of_all_pictures()}
    answers = {target: codec.encode(picture, target) for target in targets}
    assert b"cICP\x09\x10\0\1" in answers[Format.PNG].data
    assert decoded(answers[Format.AVIF].data).metadata.colour == picture.metadata.colour
    losing = {target for target, answer in answers.items() if Change.PROFILE in answer.changes}
    assert losing == targets - {Format.PNG, Format.AVIF}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_it_is_written_as_others_read_it(channels, dtype, smooth, srgb, exif, opened):
    names = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]
    unit = (smooth[..., names] / 255).astype(np.float32)
    samples = unit if dtype == np.float32 else (unit * np.iinfo(dtype).max).astype(dtype)
    alpha = np.ascontiguousarray(samples[..., -1]) if channels in (2, 4) else None
    pixels = np.ascontiguousarray(samples[..., : 1 if channels < 3 else 3])
    metadata = Metadata(icc=None if channels < 3 else srgb, exif=exif().tobytes()[6:], xmp=b"<x/>")
    picture = Picture(pixels, alpha, metadata=metadata)
    answer = codec.encode(picture, Format.AVIF)
    assert (Change.DEPTH in answer.changes) == (dtype != np.uint8)
    again = decoded(answer.data)
    assert again.changes == ({Change.DEPTH} if dtype != np.uint8 else set())
    assert (again.metadata.icc, again.metadata.xmp) == (metadata.icc, metadata.xmp)
    full = np.iinfo(again.dtype).max
    step = 1 / 255 if dtype == np.uint8 else 1 / 4095
    assert np.abs(again.pixels / full - unit[..., : pixels.shape[2]]).mean() < 0.01
    if alpha is not None:
        np.testing.assert_allclose(again.alpha / full, unit[..., -1], atol=0.51 * step)
    image = opened(answer.data)
    assert image.getexif()[0x0110] == "Camera"
    assert image.info.get("icc_profile") == metadata.icc
    exact = decoded(codec.encode(picture, Format.AVIF, 100).data)
    np.testing.assert_allclose(exact.pixels / full, unit[..., : pixels.shape[2]], atol=0.51 * step)


def test_grids_are_read(tile):
    picture = decoded(grid(tile, 1, 2, 100, 64))
    assert picture.pixels.shape == (64, 100, 3)
    assert np.ptp(picture.pixels) <= 2


@pytest.mark.parametrize(
    ("rows", "columns", "width", "height", "tiles"),
    [
        (1, 2, 100, 64, 1),
        (1, 2, 100, 64, 3),
        (1, 2, 60, 64, None),
        (2, 1, 64, 200, None),
        (1, 1, 65_000, 65_000, None),
        (256, 256, 16_384, 16_384, 1),
    ],
)
def test_grids_that_do_not_add_up_are_unreadable(tile, rows, columns, width, height, tiles):
    with pytest.raises(UnreadableImage):
        decoded(grid(tile, rows, columns, width, height, tiles))


def test_tiles_far_larger_than_their_picture_are_unreadable():
    large = avif(np.zeros((2048, 2048), np.uint8))
    with pytest.raises(UnreadableImage, match="far larger"):
        codec.read_header(grid(large, 1, 1, 8, 8))


def test_a_picture_within_itself_is_refused(tile):
    items = read_items(grid(tile, 1, 2, 100, 64))
    items[1].references[b"dimg"] = [1, 2]
    with pytest.raises(UnreadableImage, match="tiles"):
        coded(items, 1, b"av01")
    with pytest.raises(UnreadableImage, match="refers"):
        coded(Items({}, 1), 1, b"av01")


def test_a_tile_shown_several_times_is_refused(tile):
    items = read_items(grid(tile, 1, 2, 100, 64))
    items[1].references[b"dimg"] = [2, 2]
    with pytest.raises(UnsupportedImage, match="several times"):
        coded(items, 1, b"av01")


def replaced(data, name, body):
    """The file with other contents in all boxes of that name, as long as the old ones."""
    start = 0
    while (start := data.find(name, start) + 4) > 3:
        data = data[:start] + body + data[start + len(body) :]
    return data


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (b"ispe", bytes(4) + struct.pack(">II", 25, 16)),
        (b"ispe", bytes(4) + struct.pack(">II", 16, 24)),
        (b"ispe", bytes(4) + struct.pack(">II", 0, 0)),
        (b"iloc", bytes(4) + b"\x44\0\0\2\0\1\0\0\0\1" + struct.pack(">II", 10, 2**31)),
        (b"iloc", bytes(4) + b"\x44\0\xff\xff"),
        (b"pitm", bytes(4) + b"\0\x09"),
        (b"iinf", bytes(4) + b"\0\x03"),
        (b"infe", b"\2\0\0\0\0\1\0\0jpeg"),
        (b"ipma", bytes(4) + b"\0\0\0\2\0\1\x01\x7f"),
        (b"iprp", b"\xff\xff\xff\xff"),
        (b"meta", bytes(4) + b"\0\0\0\4"),
        (b"mdat", b"\x0a\x04" + bytes(20)),
        (b"mdat", b"\xff" * 20),
    ],
)
def test_containers_that_lie_are_refused(plain, name, body):
    with pytest.raises(ImagingError):
        decoded(replaced(plain, name, body))


def cropped(data, width, height, right=0, below=0, unit=1, first=None):
    """The file with another part of its picture shown: its size, and how far its middle is off."""
    item = read_items(data)[1]
    terms = struct.pack(">IIIIiIiI", width, unit, height, unit, right, 2, below, 2)
    item.properties += [*([first] if first else []), Box(b"clap", terms), Box(b"irot", b"\1")]
    return write_items(b"avif", [item])


def test_what_is_to_be_seen_of_a_picture_is_seen(plain):
    whole, part = decoded(plain), decoded(cropped(plain, 10, 6, -8, 4))
    np.testing.assert_array_equal(part.pixels, np.rot90(whole.pixels[7:13, 3:13]))
    assert codec.read_header(cropped(plain, 10, 6)).decoded_bytes == 16 * 16 * 24


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 9},
        {"width": 20, "unit": 3},
        {"width": 10, "right": 100},
        {"width": 30},
        {"width": 0},
        {"width": 10, "unit": 0},
        {"width": 10, "first": Box(b"irot", b"\1")},
        {"width": 10, "first": Box(b"clap", bytes(32))},
    ],
)
def test_parts_that_cannot_be_shown_are_refused(plain, changes):
    with pytest.raises(ImagingError):
        decoded(cropped(plain, **{"height": 6} | changes))


def repeated(tile, times):
    """An image whose frame, behind the header of the sequence, comes so many times."""
    item = read_items(tile)[1]
    start = item.data.index(b"\x0a")  # its byte of type, then one of length
    frame = start + 2 + item.data[start + 1]
    assert item.data[frame] == 0x32
    data = item.data[:frame] + times * item.data[frame:]
    return Coded(*item.size, b"av01", (replace(item, data=data),), None).file(b"avif", b"av1C")


def test_an_image_of_few_frames_is_read_and_one_of_many_is_refused_by_its_header(tile):
    decoded(repeated(tile, 8))
    with pytest.raises(UnsupportedImage, match="more than 8 frames"):
        codec.read_header(repeated(tile, 9))


def test_a_small_part_of_a_large_picture_is_refused():
    large = avif(np.zeros((2048, 2048), np.uint8))
    with pytest.raises(UnreadableImage, match="far larger"):
        codec.read_header(cropped(large, 8, 8))


def test_sequences_are_refused(plain, saved, colour):
    frames = [Image.fromarray(255 - colour)]
    with pytest.raises(UnsupportedImage, match="animated"):
        decoded(saved(colour, "AVIF", save_all=True, append_images=frames))
    with pytest.raises(UnsupportedImage, match="animated"):
        decoded(plain + write_box(b"moov"))


def test_pixels_have_a_limit_before_any_is_decoded(plain):
    with pytest.raises(TooManyPixels):
        codec.decode(plain, max_pixels=16 * 24 - 1)


def test_boxes_have_a_limit():
    with pytest.raises(UnsupportedImage, match="boxes"):
        list(boxes(write_full_box(b"free") * 10_001))


@settings(max_examples=150)
@given(st.data())
def test_damage_raises_only_imaging_errors(plain, data):
    try:
        picture = decoded(data.draw(damaged(plain)))
    except ImagingError:
        return
    assert picture.size <= MAX_PIXELS
