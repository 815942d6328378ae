import io
import struct

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.imaging import codec
from app.imaging.changes import stripped
from app.imaging.formats.heif.boxes import boxes, write_box
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
from tests.fidelity.files import DEEP, NOISE, SMOOTH, jp2, paletted_jp2, profile
from tests.hostile.attacks import jpeg_2000, segment
from tests.imaging.formats.damage import damaged
from tests.imaging.formats.decoding import MAX_PIXELS, decoded

GREY = NOISE[..., 0]


def again(data, **options):
    encoded = codec.encode(decoded(data), **options)
    return encoded, decoded(encoded.data)


def within(data, *added, outer=(), without=()):
    """The file with boxes added to its header, others in front of its codestream, and some gone."""
    parts = []
    for name, body in boxes(data):
        if name == b"jp2h":
            kept = [write_box(*each) for each in boxes(body) if each.name not in without]
            body = b"".join([*kept, *(write_box(*each) for each in added)])
        parts += [write_box(*each) for each in outer] if name == b"jp2c" else []
        parts.append(write_box(name, body))
    return b"".join(parts)


def colours(number):
    return b"colr", b"\1\0\0" + number.to_bytes(4, "big")


def channels(*kinds):
    return b"cdef", struct.pack(f">H{3 * len(kinds)}H", len(kinds), *np.ravel(kinds))


def test_boxes_of_others_come_back_as_they_were():
    places = [
        (b"uuid", bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03") + b"II*\0"),
        (b"xml ", b"<x/>"),
    ]
    resolution = (b"res ", write_box(b"resc", struct.pack(">4H2B", 300, 1, 300, 1, 0, 0)))
    data = within(jp2(SMOOTH), resolution, outer=places)
    assert decoded(data).metadata.dpi == pytest.approx((7.62, 7.62))
    encoded, picture = again(data)
    assert encoded.changes == set()
    found = list(boxes(encoded.data))
    assert [each for each in found if each.name in (b"uuid", b"xml ")] == places
    (header,) = (each.body for each in found if each.name == b"jp2h")
    assert b"res " in [each.name for each in boxes(header)]
    assert picture.metadata.dpi == pytest.approx((7.62, 7.62))
    assert codec.encode(decoded(data), Format.PNG).changes == {Change.METADATA}
    bare = codec.encode(stripped(decoded(data)))
    assert {each.name for each in boxes(bare.data)} == {b"jP  ", b"ftyp", b"jp2h", b"jp2c"}


def test_there_is_one_header_of_a_file():
    data = within(jp2(SMOOTH), outer=[(b"jp2h", write_box(b"xml ", b"<x/>"))])
    picture = decoded(data)
    assert (picture.changes, picture.metadata.native) == ({Change.METADATA}, ())


def test_boxes_that_are_not_known_are_named():
    assert decoded(within(jp2(SMOOTH), outer=[(b"abcd", b"")])).changes == {Change.METADATA}


def test_what_describes_an_image_is_where_others_look_for_it():
    exif = b"II*\0\x08\0\0\0\1\0\x0f\1\2\0\4\0\0\0abc\0\0\0\0\0"
    metadata = Metadata(icc=profile(), exif=exif, xmp=b"<x:xmpmeta/>")
    data = codec.encode(Picture(SMOOTH, metadata=metadata), Format.JP2).data
    found = {each.body[:16]: each.body[16:] for each in boxes(data) if each.name == b"uuid"}
    assert found == {
        b"JpgTiffExif->JP2": exif,
        bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): b"<x:xmpmeta/>",
    }
    picture = decoded(data)
    assert (picture.metadata.icc, picture.metadata.exif) == (profile(), exif)
    assert picture.metadata.xmp == b"<x:xmpmeta/>"


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_others_see_what_was_written(mode):
    image = Image.fromarray(NOISE).convert(mode)
    picture = Picture(
        np.asarray(image.convert(mode.removesuffix("A"))).reshape(*NOISE.shape[:2], -1),
        np.asarray(image.getchannel("A")) if mode.endswith("A") else None,
    )
    with Image.open(io.BytesIO(codec.encode(picture, Format.JP2).data)) as found:
        assert found.mode == mode
        np.testing.assert_array_equal(found, image)


def test_tiles_may_begin_anywhere():
    file, rng = io.BytesIO(), np.random.default_rng(5)
    image = rng.integers(0, 256, (70, 90, 3), np.uint8)
    options = {"tile_size": (32, 16), "offset": (10, 20), "tile_offset": (3, 7)}
    Image.fromarray(image).save(file, "JPEG2000", **options)
    header = codec.read_header(file.getvalue())
    assert (header.width, header.height, header.segments) == (90, 70, 4 * 6)
    np.testing.assert_array_equal(decoded(file.getvalue()).pixels, Image.open(file))


def test_premultiplied_colours_are_divided():
    alpha = np.full((9, 13), 128, np.uint8)
    samples = np.dstack([SMOOTH // 2, alpha])
    kinds = [(0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 2, 0)]
    picture = decoded(within(jp2(samples), channels(*kinds), without=[b"cdef"]))
    assert picture.changes == {Change.ALPHA}
    np.testing.assert_array_equal(picture.alpha, alpha)
    assert np.abs(picture.pixels.astype(int) - SMOOTH).max() <= 2


def test_luma_and_chroma_become_colours():
    grey = np.full((9, 13, 3), 128, np.uint8)
    grey[..., 0] = GREY
    picture = decoded(within(jp2(grey), colours(18), without=[b"colr"]))
    assert picture.changes == {Change.COLOURS}
    np.testing.assert_array_equal(picture.pixels, np.dstack([GREY] * 3))


@pytest.mark.parametrize(
    ("boxes_", "words"),
    [
        ([colours(12)], "colours other than"),
        ([channels((0, 0, 3), (1, 0, 2), (2, 0, 1))], "another order"),
        ([channels((0, 1, 0), (1, 0, 1), (2, 0, 2))], "another order"),
        ([(b"pclr", bytes(20))], "palette"),
    ],
)
def test_other_colours_are_refused(boxes_, words):
    with pytest.raises(UnsupportedImage, match=words):
        decoded(within(jp2(SMOOTH), *boxes_, without=[b"colr"]))


@pytest.mark.parametrize(
    ("pixels", "kinds", "words"),
    [
        (GREY, [(0, 0, 1), (1, 1, 0)], "does not have"),
        (SMOOTH, [(0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 2, 0)], "does not have"),
        (SMOOTH, [(0, 0, 1), (1, 0, 2), (2, 1, 0)], "not beside"),
        (np.dstack([SMOOTH, GREY]), [(0, 0, 1), (1, 1, 0)], "not beside"),
        (SMOOTH, [(0, 0, 1), (0, 0, 1), (2, 0, 3)], "another order"),
    ],
)
def test_channels_are_those_of_the_codestream(pixels, kinds, words):
    data = within(jp2(pixels), channels(*kinds), without=[b"cdef"])
    for read in (codec.read_header, decoded):
        with pytest.raises((UnreadableImage, UnsupportedImage), match=words):
            read(data)


def test_components_that_differ_are_refused():
    data = bytearray(jp2(SMOOTH, codecformat="j2k"))
    for place, words in ((42, "differ"), (43, "differ")):
        patched = bytearray(data)
        patched[place] += 1
        with pytest.raises(UnsupportedImage, match=words):
            codec.read_header(bytes(patched))


def test_a_file_of_two_images_is_no_still_one():
    data = jp2(SMOOTH)
    *_, (name, stream) = boxes(data)
    with pytest.raises(UnsupportedImage, match="animated"):
        decoded(data + write_box(name, stream))


def test_the_end_of_a_codestream_may_be_missing_but_nothing_else():
    data = jp2(NOISE, codecformat="j2k")
    whole = decoded(data)
    picture = decoded(data[:-2])
    assert picture.changes == {Change.END}
    np.testing.assert_array_equal(picture.pixels, whole.pixels)
    for cut in (3, 4, len(data) // 2, len(data) - 60):
        with pytest.raises(UnreadableImage):
            decoded(data[:-cut])


def test_loss_is_what_the_upload_had_or_the_caller_asks_for():
    samples = np.random.default_rng(2).normal(128, 9, (64, 64, 3)).astype(np.uint8)

    def size(data, quality=None):
        return len(again(data, quality=quality)[0].data)

    lossless, lossy = jp2(samples), jp2(samples, level=40, reversible=False)
    np.testing.assert_array_equal(again(lossless)[1].pixels, samples)
    assert size(lossless, 50) < 0.7 * size(lossless, 95) < 0.7 * size(lossless)
    assert size(lossless, 100) == size(lossless)
    assert size(lossy) < 0.9 * size(lossy, 100)
    error = again(lossless, quality=50)[1].pixels.astype(float) - samples
    assert 39 < 20 * np.log10(255 / error.std()) < 43


def test_alpha_and_deep_samples_know_no_loss():
    for picture in (
        Picture(NOISE[..., :3].copy(), NOISE[..., 3].copy()),
        Picture(DEEP[..., :3].copy()),
    ):
        found = decoded(codec.encode(picture, Format.JP2, quality=10).data)
        np.testing.assert_array_equal(found.pixels, picture.pixels)
        assert picture.alpha is None or (found.alpha == picture.alpha).all()


def test_few_bits_that_another_format_gave_are_kept():
    picture = decoded(jp2(DEEP[..., 0] >> 6, bits=10))
    assert picture.metadata.white == 1023
    assert codec.encode(picture, Format.TIFF).changes == {Change.DEPTH}
    assert imagecodecs.jpeg2k_decode(codec.encode(picture).data).max() < 1024
    light = Picture(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8, 1))
    encoded = codec.encode(light, Format.JP2)
    assert encoded.changes == {Change.DEPTH}
    np.testing.assert_allclose(decoded(encoded.data).pixels / 65_535, light.pixels, atol=1e-5)


def coding(layers=1, levels=5, block=4, precincts=b""):
    style = struct.pack(">BBHB", bool(precincts), 0, layers, 0)
    return style + bytes([levels, block, block, 0, 1]) + precincts


@pytest.mark.parametrize("in_tile", [False, True])
@pytest.mark.parametrize(
    ("declared", "sides", "words"),
    [
        (coding(layers=257), (64, 64), "more than 256 layers"),
        (coding(block=0), (4096, 4096), "too many blocks"),
        (coding(precincts=b"\x11" * 6), (4096, 4096), "lacks pixels"),
        (coding(layers=256, precincts=b"\x55" * 6), (512, 512), "lacks pixels"),
        (coding(levels=33), (64, 64), "damaged"),
        (coding(block=5), (64, 64), "damaged"),
    ],
)
def test_what_would_take_far_more_than_the_file_is_refused_undecoded(
    declared, sides, words, in_tile, monkeypatch
):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    told = {"of_tile": segment(0x52, declared)} if in_tile else {"coding": declared}
    with pytest.raises((UnsupportedImage, UnreadableImage), match=words):
        codec.decode(jpeg_2000(sides=sides, samples=bytes(999), **told), max_pixels=1 << 24)


def test_a_component_may_declare_no_more_than_the_image(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    data = jpeg_2000(sides=(4096, 4096), of_tile=segment(0x53, b"\0\0\5\0\0\0\1"))
    with pytest.raises(UnsupportedImage, match="too many blocks"):
        codec.decode(data, max_pixels=1 << 24)


def test_tiny_tiles_are_refused_undecoded(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    for sides, tile in (((64, 64), (1, 1)), ((4096, 4096), (32, 32))):
        with pytest.raises(TooManyPixels, match="too many tiles"):
            codec.decode(jpeg_2000(sides=sides, tile=tile), max_pixels=1 << 24)


PART = b"\xff\x90\0\x0a\0\0"


def test_a_tile_counts_as_what_it_is_and_not_as_the_first_one(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    tiny = coding(precincts=b"\x33" * 6)
    for options in ({"coding": tiny}, {"of_tile": segment(0x52, tiny)}):
        data = jpeg_2000(
            sides=(1025, 1024), tile=(1024, 1024), tiles=2, samples=bytes(999), **options
        )
        data = data[:8] + struct.pack(">4I", 2048, 1024, 1023, 0) + data[24:]  # a column of one
        with pytest.raises(UnreadableImage, match="lacks pixels"):
            codec.decode(data, max_pixels=1 << 24)
    assert codec.read_header(data).more_bytes < 1 << 20


def test_a_tile_that_takes_far_more_than_the_header_declares_is_refused(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    told = segment(0x52, coding(precincts=b"\x44" * 6))
    data = jpeg_2000(sides=(2048, 2048), of_tile=told, samples=bytes(50_000))
    with pytest.raises(UnsupportedImage, match="unlike the others"):
        codec.decode(data, max_pixels=1 << 24)


def test_blocks_end_where_their_precincts_do(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    thin = coding(levels=0, precincts=b"\xf0")
    with pytest.raises(UnsupportedImage, match="too many blocks"):
        codec.decode(
            jpeg_2000(sides=(8192, 4096), coding=thin, samples=bytes(9000)), max_pixels=1 << 26
        )


def test_precincts_are_not_looked_for_at_every_pixel(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    data = jpeg_2000(
        sides=(4096, 4096),
        components=2,
        coding=coding(levels=0, precincts=b"\xf1"),
        of_tile=segment(0x53, b"\1\1\0\4\4\0\1\x1f"),
        samples=bytes(9000),
    )
    with pytest.raises(UnsupportedImage, match="too many places"):
        codec.decode(data, max_pixels=1 << 24)


@pytest.mark.parametrize(
    "segments",
    [
        segment(0x53, b"\0\0\5\4\4\0\1") + segment(0x52, coding()),
        segment(0x52, coding()) * 2,
        segment(0x53, b"\0\0\5\4\4\0\1") * 2,
        segment(0x52, coding(precincts=b"\x88" * 5)),
    ],
)
def test_codings_that_can_be_read_in_two_ways_are_refused(segments, monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    with pytest.raises(UnreadableImage, match="image is damaged"):
        decoded(jpeg_2000(of_tile=segments, samples=bytes(999)))


def test_segments_in_which_a_decoder_may_find_others_are_refused(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    with pytest.raises(UnsupportedImage, match="not of part 1"):
        decoded(jpeg_2000(of_tile=segment(0x70, segment(0x52, coding(layers=65_535)))))


def test_a_profile_of_ht_is_no_unknown_segment():
    data = bytes(imagecodecs.htj2k_encode(GREY))
    place = data.index(b"\xff\x52")
    profile = segment(0x59, b"\0\1")
    picture = decoded(data[:place] + profile + data[place:])
    np.testing.assert_array_equal(picture.pixels[..., 0], GREY)


def test_segments_are_counted_in_all_parts_together(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    data = jpeg_2000()
    start, comment = data.index(PART), segment(0x64, b"\0\1")
    part = PART + struct.pack(">IBB", 14 + 100 * len(comment), 1, 0) + comment * 100 + b"\xff\x93"
    with pytest.raises(UnsupportedImage, match="more than 10064 segments"):
        decoded(data[:start] + part * 101 + data[start:])


def test_a_header_ends_within_its_part(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    data = jpeg_2000()
    start, parts = data.index(PART), b""
    for number in range(255):
        parts += PART + struct.pack(">IBB", 16, number, 0)
        parts += b"\xff\x64" + struct.pack(">H", (255 - number) * 16 - 14)
    data = data[:start] + parts + segment(0x64, b"") * 9000 + b"\xff\x93"
    with pytest.raises(UnreadableImage, match="image is damaged"):
        decoded(data)


def test_a_tile_has_parts_but_not_without_end(monkeypatch):
    data = jp2(GREY, codecformat="j2k")
    start = data.index(PART)
    empty = PART + struct.pack(">IBB", 14, 1, 0) + b"\xff\x93"
    np.testing.assert_array_equal(decoded(data[:-2] + empty + data[-2:]).pixels[..., 0], GREY)
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    with pytest.raises(UnreadableImage, match="image is damaged"):
        decoded(data[:start] + empty * 256 + data[start:])


def test_an_end_ahead_of_the_last_tile_is_none():
    data = jp2(GREY, codecformat="j2k")
    start = data.index(PART)
    data = data[:start] + segment(0x64, b"\0\1\xff\xd9") + data[start:-2]
    place = data.index(PART) + 6
    with pytest.raises(UnreadableImage, match="truncated"):
        decoded(data[:place] + bytes(4) + data[place + 4 :])


def test_memory_that_precincts_and_blocks_take_is_declared():
    plain, tiny = (
        codec.read_header(jpeg_2000(sides=(4096, 4096), coding=coding(block=2, precincts=each)))
        for each in (b"\x88" * 6, b"\x33" * 6)
    )
    assert tiny.more_bytes > plain.more_bytes + (4096 * 4096 // 64) * 1000


@pytest.mark.parametrize("style", [1, 4])  # raw passes, and an end of each pass
def test_memory_that_segments_of_blocks_take_is_declared_unless_the_file_has_no_room(style):
    def extra(samples, layers=1):
        sides, told = (1024, 1024), coding(block=2, layers=layers)
        data = [
            jpeg_2000(sides=sides, coding=told[:8] + bytes([each]) + told[9:], samples=samples)
            for each in (0, style)
        ]
        whole, split = (codec.read_header(each).more_bytes for each in data)
        return split - whole

    assert extra(bytes(1 << 20)) > 1024 * 1024 // 256 * 164 * 48
    assert extra(bytes(1000)) < 1 << 20
    assert extra(bytes(1 << 21), layers=20) > extra(bytes(1 << 20))


def test_a_tile_of_far_more_segments_than_the_header_declares_is_refused(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    told = coding(block=2)
    split = segment(0x52, told[:8] + b"\4" + told[9:])
    data = jpeg_2000(sides=(1024, 1024), coding=told, of_tile=split, samples=bytes(1 << 20))
    with pytest.raises(UnsupportedImage, match="unlike the others"):
        codec.decode(data, max_pixels=1 << 24)


@settings(max_examples=200, deadline=None)
@given(damaged(jp2(NOISE), jp2(GREY, codecformat="j2k"), jp2(SMOOTH, level=45, reversible=False)))
def test_damage_is_refused_or_read(data):
    try:
        picture = decoded(data)
    except ImagingError:
        return
    assert picture.size <= MAX_PIXELS


@given(st.binary(max_size=40))
def test_anything_may_follow_a_signature(rest):
    for start in (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"):
        with pytest.raises(ImagingError):
            decoded(start + rest)


PALETTE = np.array([[200, 10, 30], [0, 90, 250], [255, 255, 0], [9, 8, 7]], np.uint8)
INDICES = GREY % 4


@pytest.mark.parametrize("bits", [2, 8])
def test_indices_become_the_colours_of_their_palette(bits):
    data = paletted_jp2(INDICES, PALETTE, bits)
    encoded, picture = again(data)
    np.testing.assert_array_equal(decoded(data).pixels, PALETTE[INDICES])
    np.testing.assert_array_equal(picture.pixels, PALETTE[INDICES])
    assert encoded.changes == {Change.COLOURS}
    assert Image.open(io.BytesIO(encoded.data)).mode == "RGB"
    assert b"pclr" not in encoded.data


def test_a_palette_of_greys_gives_grey():
    greys = PALETTE[:, :1].repeat(3, axis=1)
    picture = decoded(paletted_jp2(INDICES, greys))
    np.testing.assert_array_equal(picture.pixels, greys[INDICES][..., :1])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ((b"\0\4\3\7\7\7", b"\0\3\3\7\7\7"), UnreadableImage, "makes no sense"),
        ((b"\0\4\3\7\7\7", b"\0\0\3\7\7\7"), UnreadableImage, "makes no sense"),
        ((b"\0\4\3\7\7\7", b"\0\4\3\7\7\x87"), UnsupportedImage, "read if that is of 8-bit RGB"),
        ((b"cmap", b"free"), UnsupportedImage, "read if that is of 8-bit RGB"),
        (
            (b"\0\0\1\1\0\0\1\2", b"\0\0\1\2\0\0\1\1"),
            UnsupportedImage,
            "read if that is of 8-bit RGB",
        ),
    ],
)
def test_other_palettes_are_refused(change, error, words):
    data = paletted_jp2(INDICES, PALETTE)
    assert data.count(change[0]) == 1
    with pytest.raises(error, match=words):
        decoded(data.replace(change[0], change[1], 1))


def test_indices_beyond_their_palette_are_refused():
    with pytest.raises(UnreadableImage, match="beyond its palette"):
        decoded(paletted_jp2(GREY, PALETTE))


def test_a_palette_of_several_components_is_refused():
    with pytest.raises(UnsupportedImage, match="one unsigned channel of 10 bits"):
        decoded(paletted_jp2(NOISE[..., :2] % 4, PALETTE))
