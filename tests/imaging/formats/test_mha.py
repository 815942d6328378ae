"""MetaImage: what is around the samples comes back byte for byte, but for their length."""

import gzip
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest

from app.imaging import codec
from app.imaging.changes import stripped
from app.imaging.formats.fields import MAX_LENGTH
from app.imaging.picture import (
    Format,
    Note,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.stack import Stack
from tests.fidelity.files import DEEP, NOISE, mha, nrrd
from tests.imaging.formats.decoding import decoded

VOLUME = np.arange(4 * 9 * 13, dtype="i2").reshape(4, 9, 13)
WHOLE = mha(VOLUME)
PACKED = mha(VOLUME, packed=True)


def with_(name, value, data=WHOLE):
    """The file with another value of a field, or without it."""
    line = b"" if value is None else f"{name} = {value}\n".encode()
    found, count = re.subn(rb"(?m)^%b = .*\n" % name.encode(), line, data, count=1)
    assert count == 1
    return found


@pytest.mark.parametrize("order", "<>")
def test_lines_and_what_lies_behind_are_kept(order):
    data = mha(VOLUME, "Comment = DimSize = 1", "0010|0010 = N\xe4me", order=order) + b"behind"
    picture = decoded(data)
    assert picture.stack == Stack(4, 1, (1.0, 1.0, 1.0))
    assert picture.metadata.notes == (Note.NOT_FOR_DIAGNOSIS,)
    np.testing.assert_array_equal(picture.pixels.ravel(), VOLUME.ravel())
    assert codec.encode(picture).data == data
    half = replace(picture, pixels=picture.pixels // 2)
    again = decoded(codec.encode(half).data)
    np.testing.assert_array_equal(again.pixels, half.pixels)
    assert again.metadata == picture.metadata


def test_the_length_of_compressed_samples_is_the_new_one():
    picture = decoded(PACKED + b"behind")
    halves = codec.encode(replace(picture, pixels=picture.pixels // 2)).data
    start = halves.index(b"LOCAL\n") + 6
    (length,) = re.findall(rb"CompressedDataSize = (\d+)\n", halves)
    assert halves[start + int(length) :] == b"behind"
    assert zlib.decompress(halves[start : start + int(length)]) == (VOLUME // 2).tobytes()
    assert re.sub(rb"Size = \d+\n", b"", halves[:start]) == re.sub(
        rb"Size = \d+\n", b"", PACKED[:start]
    )


def test_compressed_samples_may_be_in_gzip_and_of_a_length_not_stated():
    data = with_("CompressedDataSize", None, PACKED)
    start = data.index(b"LOCAL\n") + 6
    for packed in (data, data[:start] + gzip.compress(VOLUME.tobytes())):
        picture = decoded(packed)
        np.testing.assert_array_equal(picture.pixels.ravel(), VOLUME.ravel())
        assert codec.encode(picture).data[:start] == data[:start]


def test_lines_may_end_as_on_windows_and_some_be_missing():
    header, sign, samples = WHOLE.partition(b"LOCAL\n")
    picture = decoded(b"LOCAL\r\n".join((header.replace(b"\n", b"\r\n"), samples)))
    np.testing.assert_array_equal(picture.pixels.ravel(), VOLUME.ravel())
    bare = WHOLE
    for name in ("ObjectType", "BinaryData", "BinaryDataByteOrderMSB", "CompressedData"):
        bare = with_(name, None, bare)
    assert decoded(with_("ElementSpacing", None, bare)).stack == Stack(4)
    assert sign


def test_voxels_are_as_far_apart_as_the_header_says():
    assert decoded(with_("ElementSpacing", "0.5 .7 3e0")).stack.spacing == (3, 0.7, 0.5)
    assert decoded(with_("ElementSpacing", "0.5 nan 3")).stack.spacing is None
    sized = mha(VOLUME, "ElementSize = 1 2 3")
    assert decoded(with_("ElementSpacing", None, sized)).stack.spacing == (3, 2, 1)
    assert decoded(sized).stack.spacing == (1, 1, 1)


def test_fewer_dimensions_and_more_are_read():
    assert decoded(mha(VOLUME[0])).stack == Stack()
    assert decoded(mha(VOLUME.reshape(2, 2, 9, 13))).stack == Stack(4, 2, (1.0, 1.0, 1.0))
    assert decoded(mha(VOLUME[None, None])).stack == Stack(4, 1, (1.0, 1.0, 1.0))


@pytest.mark.parametrize("packed", [False, True])
def test_three_unsigned_channels_are_colours(packed):
    rgb = np.stack([NOISE[..., :3], 255 - NOISE[..., :3]])
    lines = ("Modality = MET_MOD_MR",)
    picture = decoded(mha(rgb, *lines, channels=3, packed=packed))
    np.testing.assert_array_equal(picture.pixels.ravel(), rgb.ravel())
    assert (picture.channels, picture.stack) == (3, Stack(2, 1, (1.0, 1.0, 1.0)))
    assert picture.modality == ""


@pytest.mark.parametrize(("kind", "channels"), [("f4", 3), ("i2", 3), ("u2", 2), ("u1", 4)])
def test_other_channels_are_frames_one_channel_after_the_other(kind, channels):
    voxels = DEEP[:8, :12, :channels].reshape(2, 4, 12, channels).astype(kind)
    data = mha(voxels, channels=channels) + b"behind"
    picture = decoded(data)
    assert picture.stack == Stack(2 * channels, channels=channels, run=2)
    expected = np.moveaxis(voxels, -1, 0).reshape(-1, 12, 1)
    np.testing.assert_array_equal(picture.pixels, expected)
    assert codec.encode(picture).data == data


@pytest.mark.parametrize(("name", "kind"), [("LONG", "i4"), ("ULONG", "u4"), ("INT_ARRAY", "i4")])
def test_types_have_several_names(name, kind):
    picture = decoded(with_("ElementType", f"MET_{name}", mha(VOLUME.astype("i4"))))
    assert picture.dtype == kind


@pytest.mark.parametrize(
    ("line", "modality"),
    [
        ("Modality = MET_MOD_MR", "MR"),
        ("Modality = MET_MOD_CT", "CT"),
        ("Modality = MET_MOD_UNKNOWN", ""),
        ("0008|0060 = MR", "MR"),
        ("0008|0060 = <b>", ""),
        ("Name = MR", ""),
    ],
)
def test_the_modality_is_what_the_header_says(line, modality):
    assert decoded(mha(VOLUME, line)).modality == modality


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (WHOLE[:-1], UnreadableImage, "MetaImage image is truncated"),
        (WHOLE[:99], UnreadableImage, "header that is truncated, or too long"),
        (with_("NDims", f"3\n{'x' * MAX_LENGTH}"), UnreadableImage, "truncated, or too long"),
        (PACKED[:-1], UnreadableImage, "truncated"),
        (with_("CompressedDataSize", None, PACKED)[:-1], UnreadableImage, "truncated"),
        (PACKED[:-1] + b"\0", UnreadableImage, "truncated or damaged"),
        (with_("CompressedDataSize", 9, PACKED), UnreadableImage, "not packed as long"),
        (with_("CompressedDataSize", "x", PACKED), UnreadableImage, "compresseddatasize"),
        (with_("CompressedDataSize", "9" * 18, PACKED), UnreadableImage, "truncated"),
        (with_("DimSize", "13 9 3", PACKED), UnreadableImage, "longer than it declares"),
        (with_("DimSize", "13 9 5", PACKED), UnreadableImage, "truncated"),
        (with_("DimSize", "2000 2000 2000", PACKED), TooManyPixels, "in 2000 frames"),
        (with_("DimSize", "13 9"), UnreadableImage, "dimsize that makes no sense"),
        (with_("DimSize", "13 9 -4"), UnreadableImage, "dimsize that makes no sense"),
        (with_("DimSize", "13 0 4"), UnreadableImage, "dimensions that make no sense"),
        (with_("DimSize", "9" * 5000), UnreadableImage, "dimsize that makes no sense"),
        (with_("NDims", "0"), UnreadableImage, "dimsize that makes no sense"),
        (with_("NDims", "9" * 18), UnreadableImage, "dimsize that makes no sense"),
        (with_("NDims", None), UnreadableImage, "ndims that makes no sense"),
        (with_("ElementSpacing", "1 1 1x"), UnreadableImage, "elementspacing"),
        (mha(VOLUME, "DimSize = 13 9 4"), UnreadableImage, "two fields dimsize"),
        (mha(VOLUME, "ElementByteOrderMSB = True"), UnreadableImage, "two byte orders"),
        (mha(VOLUME[None].repeat(2, 0)[None].repeat(2, 0)), UnsupportedImage, "four dimensions"),
        (mha(VOLUME, "ElementDataFile = a.raw"), UnsupportedImage, "samples in another file"),
        (mha(VOLUME, "ElementDataFile = LIST"), UnsupportedImage, "samples in another file"),
        (mha(VOLUME, "HeaderSize = -1"), UnsupportedImage, "further header"),
        (mha(VOLUME, "ElementNumberOfChannels = 3"), UnreadableImage, "image is truncated"),
        (mha(VOLUME, "ElementNumberOfChannels = 0"), UnreadableImage, "makes no sense"),
        (mha(VOLUME, "ElementNumberOfChannels = 513"), UnsupportedImage, "more than 512 channels"),
        (mha(VOLUME, "ElementNumberOfChannels = 1 1"), UnreadableImage, "makes no sense"),
        (with_("BinaryData", "False"), UnsupportedImage, "numbers in text"),
        (with_("ObjectType", "Scene"), UnsupportedImage, "does not hold an image"),
        (with_("ElementType", "MET_LONG_LONG"), UnsupportedImage, "data type MET_LONG_LONG"),
        (with_("ElementType", None), UnsupportedImage, "not supported"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_incomplete_files_and_headers_that_make_no_sense_are_refused(data, error, words):
    with pytest.raises(error, match=words):
        decoded(data)


def test_two_ways_to_state_the_same_byte_order_are_read():
    assert decoded(mha(VOLUME, "ElementByteOrderMSB = False")).size == VOLUME.size


def test_nothing_else_can_become_a_metaimage():
    with pytest.raises(UnsuitableFormat, match="Only what came as a MetaImage, and with its"):
        codec.encode(decoded(nrrd(VOLUME)), Format.MHA)
    with pytest.raises(UnsuitableFormat, match="and with its metadata"):
        codec.encode(stripped(decoded(WHOLE)), Format.MHA)
    other = replace(decoded(WHOLE), pixels=VOLUME.astype("u2").reshape(-1, 13, 1))
    with pytest.raises(UnsuitableFormat, match="not what its MetaImage header describes"):
        codec.encode(other)
