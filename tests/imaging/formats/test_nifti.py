"""NIfTI: what is around the samples comes back byte for byte."""

import gzip
import struct
from dataclasses import replace
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pytest

from app.imaging import codec
from app.imaging.changes import stripped
from app.imaging.picture import (
    Format,
    Picture,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.stack import Stack
from tests.fidelity.files import nifti
from tests.imaging.formats import decoding

decoded = partial(decoding.decoded, max_pixels=1 << 22)

VOLUME = np.arange(4 * 9 * 13, dtype="i2").reshape(4, 9, 13)
SAMPLES = Path(nibabel.__file__).parent / "tests/data"
REFUSED = {
    "analyze.hdr": "Not an image",
    "nifti1.hdr": "a NIfTI header file",
    "nifti2.hdr": "a NIfTI header file",
    "row_major.dconn.nii": "more than four dimensions",
}


def packed(data):
    return gzip.compress(data, 1, mtime=0)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(each, id=each.name)
        for pattern in ("*.nii*", "*.hdr")
        for each in sorted(SAMPLES.glob(pattern))
    ],
)
def test_the_volumes_of_nibabel_come_back_with_the_same_bytes_around_new_samples(path):
    data = path.read_bytes()
    if path.name in REFUSED:
        with pytest.raises(UnsupportedImage, match=REFUSED[path.name]):
            decoded(data)
        return
    picture = decoded(data)
    whole = gzip.decompress(data) if path.suffix == ".gz" else data
    image = nibabel.load(path)
    stored = image.dataobj.get_unscaled()
    np.testing.assert_array_equal(picture.pixels.ravel(), stored.ravel(order="F"))
    assert codec.encode(picture).format == picture.format
    given = codec.encode(replace(picture, pixels=picture.pixels // 2), Format.NIFTI).data
    start = len(whole) - stored.nbytes
    assert given[:start] == whole[:start]
    assert len(given) == len(whole)
    if path.suffix == ".gz":
        assert gzip.decompress(codec.encode(picture).data) == whole


@pytest.mark.parametrize(("version", "order"), [(1, "<"), (1, ">"), (2, "<"), (2, ">")])
def test_header_extensions_and_what_lies_behind_are_kept(version, order):
    data = nifti(VOLUME, version=version, order=order) + b"behind"
    picture = decoded(data)
    assert picture.stack == Stack(4, 1, (1.0, 1.0, 1.0))
    assert codec.encode(picture).data == data
    moved = codec.encode(replace(picture, pixels=picture.pixels[::-1].copy())).data
    again = decoded(moved)
    np.testing.assert_array_equal(again.pixels, picture.pixels[::-1])
    assert again.metadata == picture.metadata


def test_volumes_over_time_are_stacks_of_as_many_volumes():
    picture = decoded(nifti(VOLUME, volumes=2))
    assert (picture.stack.frames, picture.stack.volumes, picture.stack.depth) == (4, 2, 2)


def test_voxels_are_as_far_apart_as_the_header_says():
    data = bytearray(nifti(VOLUME))
    struct.pack_into("<3f", data, 80, 0.5, 0.7, 3)
    assert decoded(bytes(data)).stack.spacing == pytest.approx((3, 0.7, 0.5))
    struct.pack_into("<3f", data, 80, 0.5, 0, 3)
    assert decoded(bytes(data)).stack.spacing is None


def test_gzip_of_several_members_is_one_file():
    data = nifti(VOLUME)
    parts = b"".join(packed(data[start : start + 100]) for start in range(0, len(data), 100))
    picture = decoded(parts)
    np.testing.assert_array_equal(picture.pixels.ravel(), VOLUME.ravel())
    assert gzip.decompress(codec.encode(picture).data) == data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (nifti(VOLUME)[:-1], "truncated"),
        (packed(nifti(VOLUME)[:-1]), "truncated"),
        (packed(nifti(VOLUME))[:-9], "truncated"),
        (packed(nifti(VOLUME) + b"x"), "longer than it declares"),
        (packed(nifti(VOLUME))[:-8] + bytes(8), "truncated or damaged"),
        (packed(nifti(VOLUME)[:500]), "truncated"),
    ],
    ids=["short", "short in gzip", "gzip cut", "long", "bad sum", "header alone"],
)
def test_incomplete_files_are_refused(data, words):
    with pytest.raises(UnreadableImage, match=words):
        decoded(data)


@pytest.mark.parametrize(
    ("place", "kind", "value", "error", "words"),
    [
        (40, "h", 0, UnreadableImage, "dimensions that make no sense"),
        (40, "h", 8, UnreadableImage, "dimensions that make no sense"),
        (42, "h", -13, UnreadableImage, "dimensions that make no sense"),
        (70, "h", 32, UnsupportedImage, "data type 32"),
        (108, "f", 351.5, UnreadableImage, "place that makes no sense"),
        (108, "f", np.nan, UnreadableImage, "place that makes no sense"),
        (108, "f", 4.0, UnreadableImage, "place that makes no sense"),
        (108, "f", 2.0**25, UnsupportedImage, "too long"),
        (42, "h", 32_000, UnreadableImage, "truncated"),
    ],
)
def test_headers_that_make_no_sense_are_refused(place, kind, value, error, words):
    data = bytearray(nifti(VOLUME))
    struct.pack_into(f"<{kind}", data, place, value)
    with pytest.raises(error, match=words):
        decoded(bytes(data))


def test_a_bomb_is_refused_by_what_its_header_declares():
    data = packed(nifti(VOLUME) + bytes(1 << 26))
    with pytest.raises(UnreadableImage, match="longer than it declares"):
        decoded(data)
    vast = bytearray(nifti(VOLUME))
    struct.pack_into("<3h", vast, 42, 2000, 2000, 2000)
    with pytest.raises(TooManyPixels, match="2000 x 2000 pixels in 2000 frames"):
        decoded(packed(bytes(vast)))


def test_gzip_around_a_nifti_is_no_loss_and_nor_is_its_absence():
    plain = nifti(VOLUME)
    into = codec.encode(decoded(plain), Format.NIFTI_GZ)
    assert (gzip.decompress(into.data), into.changes) == (plain, frozenset())
    out = codec.encode(decoded(into.data), Format.NIFTI)
    assert (out.data, out.changes) == (plain, frozenset())


@pytest.mark.parametrize("target", [Format.NIFTI, Format.NIFTI_GZ])
def test_nothing_else_can_become_a_nifti(target):
    with pytest.raises(UnsuitableFormat, match="Only what came as a NIfTI"):
        codec.encode(Picture(np.zeros((9, 13, 1), np.uint8)), target)
    with pytest.raises(UnsuitableFormat, match="and with its metadata"):
        codec.encode(stripped(decoded(nifti(VOLUME))), target)
    picture = decoded(nifti(VOLUME))
    other = replace(picture, pixels=picture.pixels.astype("u2"))
    with pytest.raises(UnsuitableFormat, match="not what its NIfTI header describes"):
        codec.encode(other, target)
