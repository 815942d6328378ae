"""NRRD: what is around the samples comes back byte for byte."""

import gzip
import re
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
WHOLE = nrrd(VOLUME)
PACKED = nrrd(VOLUME, packed=True)
TIMES = VOLUME.reshape(2, 2, 9, 13)


def with_(name, value, data=WHOLE):
    """The file with another value of a field, or without it."""
    line = b"" if value is None else f"{name}: {value}\n".encode()
    found, count = re.subn(rb"(?m)^%b: .*\n" % name.encode(), line, data, count=1)
    assert count == 1
    return found


@pytest.mark.parametrize("order", ["little", "big"])
def test_lines_and_what_lies_behind_are_kept(order):
    lines = ("type:=none", "space: left-posterior-superior", "0010|0010:=N\xe4me", "#sizes: 1")
    data = nrrd(VOLUME, *lines, order=order) + b"behind"
    picture = decoded(data)
    assert picture.stack == Stack(4)
    assert picture.metadata.notes == (Note.NOT_FOR_DIAGNOSIS,)
    np.testing.assert_array_equal(picture.pixels.ravel(), VOLUME.ravel())
    assert codec.encode(picture).data == data
    half = replace(picture, pixels=picture.pixels // 2)
    again = decoded(codec.encode(half).data)
    np.testing.assert_array_equal(again.pixels, half.pixels)
    assert again.metadata == picture.metadata


def test_samples_in_gzip_stay_in_gzip():
    start = PACKED.index(b"\n\n") + 2
    members = gzip.compress(VOLUME.tobytes()[:99]) + gzip.compress(VOLUME.tobytes()[99:])
    for data in (PACKED, PACKED[:start] + members, PACKED + b"behind"):
        picture = decoded(data)
        np.testing.assert_array_equal(picture.pixels.ravel(), VOLUME.ravel())
        given = codec.encode(picture).data
        assert given[:start] == data[:start]
        behind = b"behind" * data.endswith(b"behind")
        assert given.endswith(behind)
        assert gzip.decompress(given[start : len(given) - len(behind)]) == VOLUME.tobytes()


def test_names_may_be_written_in_other_ways_and_lines_end_as_on_windows():
    header, _, samples = with_("type", " Signed  Short Int ").partition(b"\n\n")
    header = header.replace(b"sizes:", b"Sizes:").replace(b"raw", b"RAW").replace(b"\n", b"\r\n")
    picture = decoded(b"\r\n\r\n".join((header, samples)))
    np.testing.assert_array_equal(picture.pixels.ravel(), VOLUME.ravel())


@pytest.mark.parametrize(
    ("line", "spacing"),
    [
        ("spacings: 0.5 0.7 3", (3, 0.7, 0.5)),
        ("spacings: 0.5 0.7 NaN", None),
        ("space directions: (0.3,0.4,0) ( 0, 0.7, 0 ) (0,0,-3)", (3, 0.7, 0.5)),
        ("space directions: (0,0,0) (0,1,0) (0,0,1)", None),
        ("space directions: (1e999,0,0) (0,1,0) (0,0,1)", None),
    ],
)
def test_voxels_are_as_far_apart_as_the_header_says(line, spacing):
    assert decoded(nrrd(VOLUME, line)).stack.spacing == pytest.approx(spacing)


@pytest.mark.parametrize(
    ("samples", "lines", "stack"),
    [
        (VOLUME[0], (), Stack()),
        (TIMES, (), Stack(4, 2)),
        (
            TIMES,
            (
                "kinds: space space space list",
                "space directions: (1,0,0) (0,1,0) (0,0,1) none",
            ),
            Stack(4, 2, (1, 1, 1)),
        ),
        (VOLUME, ("kinds: domain domain time", "spacings: 1 1 1"), Stack(4, 4)),
        (VOLUME, ("kinds: ??? none domain",), Stack(4)),
    ],
)
def test_axes_that_are_not_of_space_count_volumes(samples, lines, stack):
    assert decoded(nrrd(samples, *lines)).stack == stack


def test_colours_that_the_header_calls_rgb_are_read():
    rgb = np.stack([NOISE[..., :3], 255 - NOISE[..., :3]])
    lines = (
        "kinds: RGB-color domain domain domain",
        "space directions: none (1,0,0) (0,1,0) (0,0,2)",
        "modality:=MR",
    )
    data = nrrd(rgb, *lines)
    picture = decoded(data)
    np.testing.assert_array_equal(picture.pixels.ravel(), rgb.ravel())
    assert (picture.channels, picture.stack) == (3, Stack(2, 1, (2, 1, 1)))
    assert picture.modality == ""
    assert codec.encode(picture).data == data


WITHIN = "domain domain domain", "space directions: none (1,0,0) (0,1,0) (0,0,2)"


def test_vectors_of_three_unsigned_numbers_are_colours():
    rgb = np.stack([NOISE[..., :3], 255 - NOISE[..., :3]])
    picture = decoded(nrrd(rgb, f"kinds: vector {WITHIN[0]}", WITHIN[1]))
    np.testing.assert_array_equal(picture.pixels.ravel(), rgb.ravel())
    assert (picture.channels, picture.stack) == (3, Stack(2, 1, (2, 1, 1)))


@pytest.mark.parametrize(
    ("kind", "stack", "modality"),
    [
        ("vector", Stack(6, channels=3, run=2), ""),
        ("3-vector", Stack(6, channels=3, run=2), ""),
        ("list", Stack(6, 3, (2, 1, 1)), "MR"),
    ],
)
def test_numbers_side_by_side_are_channels_or_volumes(kind, stack, modality):
    voxels = DEEP[:8, :12, :3].reshape(2, 4, 12, 3).astype("f4")
    data = nrrd(voxels, f"kinds: {kind} {WITHIN[0]}", WITHIN[1], "modality:=DWMRI") + b"behind"
    picture = decoded(data)
    assert (picture.stack, picture.modality) == (stack, modality)
    expected = np.moveaxis(voxels, -1, 0).reshape(-1, 12, 1)
    np.testing.assert_array_equal(picture.pixels, expected)
    assert codec.encode(picture).data == data


@pytest.mark.parametrize(
    ("line", "modality"),
    [
        ("modality:=DWMRI", "MR"),
        ("Modality:=MET_MOD_CT", "CT"),
        ("0008|0060:=MR", "MR"),
        ("0008|0060:=mr", ""),
        ("content: MR", ""),
    ],
)
def test_the_modality_is_what_the_header_says(line, modality):
    assert decoded(nrrd(VOLUME, line)).modality == modality


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (WHOLE[:-1], UnreadableImage, "NRRD image is truncated"),
        (WHOLE[:80], UnreadableImage, "header that is truncated, or too long"),
        (nrrd(VOLUME, "x" * MAX_LENGTH), UnreadableImage, "truncated, or too long"),
        (PACKED[:-1], UnreadableImage, "truncated"),
        (PACKED[:-8] + bytes(8), UnreadableImage, "truncated or damaged"),
        (with_("encoding", "gzip"), UnreadableImage, "truncated"),
        (with_("sizes", "13 9 3", PACKED), UnreadableImage, "longer than it declares"),
        (with_("sizes", "13 9 5", PACKED), UnreadableImage, "truncated"),
        (with_("sizes", "2000 2000 2000", PACKED), TooManyPixels, "in 2000 frames"),
        (with_("sizes", "13 9"), UnreadableImage, "sizes that makes no sense"),
        (with_("sizes", "13 9 -4"), UnreadableImage, "sizes that makes no sense"),
        (with_("sizes", "13 0 4"), UnreadableImage, "dimensions that make no sense"),
        (with_("dimension", "0"), UnreadableImage, "dimension that makes no sense"),
        (with_("dimension", "9" * 18), UnreadableImage, "dimension that makes no sense"),
        (with_("dimension", None), UnreadableImage, "dimension that makes no sense"),
        (with_("endian", None), UnreadableImage, "endian that makes no sense"),
        (nrrd(VOLUME, "sizes: 13 9 4"), UnreadableImage, "two fields sizes"),
        (nrrd(VOLUME, "spacings: 1 1"), UnreadableImage, "spacings that makes no sense"),
        (nrrd(VOLUME, "spacings: 1 1 1__1"), UnreadableImage, "spacings that makes no sense"),
        (nrrd(VOLUME, "space directions: (1,0) (0,1)"), UnreadableImage, "spacedirections"),
        (nrrd(VOLUME, "space directions: (1) (x) (1)"), UnreadableImage, "spacedirections"),
        (nrrd(VOLUME, "kinds: domain domain"), UnreadableImage, "kinds that makes no sense"),
        (nrrd(VOLUME[None].repeat(2, 0)[None].repeat(2, 0)), UnsupportedImage, "four dimensions"),
        (nrrd(VOLUME, "data file: a.raw"), UnsupportedImage, "samples in another file"),
        (nrrd(VOLUME, "datafile: LIST")[:120], UnsupportedImage, "samples in another file"),
        (nrrd(VOLUME, "byte skip: -1"), UnsupportedImage, "further header"),
        (nrrd(VOLUME, "lineskip: 1"), UnsupportedImage, "further header"),
        (nrrd(VOLUME, "kinds: RGBA-color domain domain"), UnsupportedImage, "axes are of space"),
        (nrrd(VOLUME, "kinds: list vector domain"), UnsupportedImage, "axes are of space"),
        (nrrd(VOLUME[..., :0], "kinds: list space space"), UnreadableImage, "makes no sense"),
        (nrrd(VOLUME[..., :0], "kinds: vector space space"), UnreadableImage, "makes no sense"),
        (nrrd(VOLUME, "kinds: RGB-color domain domain"), UnsupportedImage, "axes are of space"),
        (nrrd(VOLUME, "space directions: none (1) (1)"), UnsupportedImage, "axes are of space"),
        (nrrd(VOLUME[0], "kinds: space time"), UnsupportedImage, "axes are of space"),
        (with_("encoding", "bzip2"), UnsupportedImage, "encoding bzip2"),
        (with_("encoding", "hex"), UnsupportedImage, "encoding hex"),
        (with_("type", "int64"), UnsupportedImage, "data type int64"),
        (with_("type", "block"), UnsupportedImage, "data type block"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_incomplete_files_and_headers_that_make_no_sense_are_refused(data, error, words):
    with pytest.raises(error, match=words):
        decoded(data)


def test_nothing_else_can_become_an_nrrd():
    with pytest.raises(UnsuitableFormat, match="Only what came as an NRRD, and with its metadata"):
        codec.encode(decoded(mha(VOLUME)), Format.NRRD)
    with pytest.raises(UnsuitableFormat, match="and with its metadata"):
        codec.encode(stripped(decoded(WHOLE)), Format.NRRD)
    other = replace(decoded(WHOLE), pixels=VOLUME.astype("u2").reshape(-1, 13, 1))
    with pytest.raises(UnsuitableFormat, match="not what its NRRD header describes"):
        codec.encode(other)
