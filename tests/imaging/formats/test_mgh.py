"""MGH: what is around the samples comes back byte for byte."""

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from app.imaging import codec
from app.imaging.changes import stripped
from app.imaging.formats.mgz import MOST_BEHIND
from app.imaging.picture import (
    Format,
    Note,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.stack import Stack
from tests.fidelity.files import mgh, nifti
from tests.imaging.formats.decoding import decoded

VOLUME = np.arange(4 * 9 * 13, dtype="i2").reshape(4, 9, 13)
WHOLE = mgh(VOLUME)


def packed(data):
    return gzip.compress(data, 1, mtime=0)


def with_(place, kind, *values):
    data = bytearray(WHOLE)
    struct.pack_into(f">{kind}", data, place, *values)
    return bytes(data)


def test_the_volume_of_nibabel_comes_back_with_the_same_bytes_around_new_samples():
    path = Path(nibabel.__file__).parent / "tests/data/test.mgz"
    data = path.read_bytes()
    whole, stored = gzip.decompress(data), np.asarray(nibabel.load(path).dataobj)
    picture = decoded(data)
    np.testing.assert_array_equal(picture.pixels.ravel(), stored.ravel(order="F"))
    assert gzip.decompress(codec.encode(picture).data) == whole
    half = replace(picture, pixels=picture.pixels // 2)
    given = codec.encode(half, Format.MGH).data
    end = 284 + stored.nbytes
    assert (given[:284], given[end:]) == (whole[:284], whole[end:])
    np.testing.assert_array_equal(decoded(given).pixels, half.pixels)


def test_an_mgh_of_magnetic_resonance_is_said_to_be():
    picture = decoded(WHOLE)
    assert (picture.stack, picture.modality) == (Stack(4, 1, (1.0, 1.0, 1.0)), "MR")
    assert codec.read_header(packed(WHOLE)).modality == "MR"
    assert picture.metadata.notes == (Note.NOT_FOR_DIAGNOSIS,)


def test_numbers_without_sign_are_read():
    picture = decoded(with_(20, "i", 10))
    np.testing.assert_array_equal(picture.pixels.ravel(), VOLUME.ravel().view("u2"))
    assert codec.encode(picture).data == with_(20, "i", 10)


def test_an_intent_may_be_stated_beside_the_version():
    data = with_(0, "i", 2 << 8 | 1)
    for given in (data, packed(data)):
        picture = decoded(given)
        np.testing.assert_array_equal(picture.pixels.ravel(), VOLUME.ravel())
        assert codec.encode(picture, Format.MGH).data == data


def test_what_follows_the_samples_is_kept_whatever_its_length():
    for data in (WHOLE[: 284 + VOLUME.nbytes], WHOLE + b"history"):
        picture = decoded(packed(data))
        assert picture.changes == frozenset()
        assert gzip.decompress(codec.encode(picture).data) == data
        out = codec.encode(picture, Format.MGH)
        assert (out.data, out.changes) == (data, frozenset())
        assert codec.encode(decoded(data)).data == data


def test_volumes_over_time_are_stacks_of_as_many_volumes():
    picture = decoded(mgh(VOLUME, volumes=2))
    assert (picture.stack.frames, picture.stack.volumes, picture.stack.depth) == (4, 2, 2)


def test_voxels_are_as_far_apart_as_the_header_says_if_it_does():
    assert decoded(with_(30, "3f", 0.5, 0.7, 3)).stack.spacing == pytest.approx((3, 0.7, 0.5))
    assert decoded(with_(30, "3f", 0.5, np.nan, 3)).stack.spacing is None
    assert decoded(with_(28, "h", 0)).stack.spacing is None


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (WHOLE[: 283 + VOLUME.nbytes], UnreadableImage, "MGH image is truncated"),
        (WHOLE[:99], UnreadableImage, "truncated"),
        (packed(WHOLE[:99]), UnreadableImage, "truncated"),
        (packed(WHOLE[: 283 + VOLUME.nbytes]), UnreadableImage, "MGH image is truncated"),
        (packed(WHOLE)[:-9], UnreadableImage, "truncated"),
        (packed(WHOLE)[:-8] + bytes(8), UnreadableImage, "truncated or damaged"),
        (packed(WHOLE + bytes(MOST_BEHIND)), UnreadableImage, "longer than it declares"),
        (with_(4, "i", 0), UnreadableImage, "dimensions that make no sense"),
        (with_(4, "i", 65_000), UnreadableImage, "truncated"),
        (packed(with_(4, "3i", 2000, 2000, 2000)), TooManyPixels, "in 2000 frames"),
        (with_(20, "i", 2), UnsupportedImage, "data type 2, which is not supported"),
        (with_(20, "i", 99), UnsupportedImage, "Not an image"),
        (with_(4, "i", -1), UnsupportedImage, "Not an image"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_incomplete_files_and_headers_that_make_no_sense_are_refused(data, error, words):
    with pytest.raises(error, match=words):
        decoded(data)


@pytest.mark.parametrize("target", [Format.MGH, Format.MGZ])
def test_nothing_else_can_become_an_mgh(target):
    with pytest.raises(UnsuitableFormat, match="Only what came as an MGH, and with its metadata"):
        codec.encode(decoded(nifti(VOLUME)), target)
    with pytest.raises(UnsuitableFormat, match="and with its metadata"):
        codec.encode(stripped(decoded(WHOLE)), target)
    other = replace(decoded(WHOLE), pixels=VOLUME.astype("u2").reshape(-1, 13, 1))
    with pytest.raises(UnsuitableFormat, match="not what its MGH header describes"):
        codec.encode(other, target)
