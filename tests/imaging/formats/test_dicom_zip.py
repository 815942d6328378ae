"""Zips of DICOM files: one volume each, whatever the order of the files, and all that is kept."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from pydicom import dcmread

from app.imaging import codec
from app.imaging.changes import stripped
from app.imaging.formats import dicom_zip
from app.imaging.formats.dicom_zip import MAX_VOLUMES
from app.imaging.picture import (
    Change,
    Format,
    Note,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
    described,
)
from app.imaging.stack import Stack
from tests.fidelity.files import DEEP, NOISE, dicom, series, zipped
from tests.imaging.formats.dicom_rules import violations

VOLUME = np.stack([DEEP[..., n] >> 4 for n in range(4)])
SLICES = series(VOLUME, stored=12)


def decoded(*files):
    return codec.decode(zipped(*files), max_pixels=1 << 22)


def unzipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def scans(data):
    found = unzipped(data).items()
    return {name: dcmread(io.BytesIO(file)) for name, file in found if name.startswith("scan/")}


def at(number, **elements):
    """A slice of a place, or with other elements, as a file."""
    ((name, data),) = series(VOLUME[number % 4][None], stored=12, **elements)
    return f"{name}-{number}-{len(elements)}-{sorted(map(str, elements.values()))}", data


def test_slices_lie_in_order_of_place_whatever_the_order_of_files():
    for files in (SLICES, SLICES[::-1], [*SLICES[2:], *SLICES[:2]]):
        picture = decoded(*files)
        assert picture.stack == Stack(4, 1, (1.0, 1.0, 1.0))
        np.testing.assert_array_equal(picture.pixels.reshape(VOLUME.shape), VOLUME)


def test_a_new_series_comes_back_under_the_old_names():
    picture = described(decoded(*SLICES[::-1]), "Noise removed.")
    picture = replace(picture, pixels=picture.pixels // 2 * 2)
    encoded = codec.encode(picture)
    assert (encoded.format, encoded.notes) == (Format.DICOM_ZIP, (Note.NOT_FOR_DIAGNOSIS,))
    found, before = scans(encoded.data), scans(zipped(*SLICES))
    assert set(found) == set(before)
    assert len({each.SeriesInstanceUID for each in found.values()}) == 1
    assert len({each.SOPInstanceUID for each in found.values()}) == 4
    for name, each in found.items():
        np.testing.assert_array_equal(each.pixel_array, before[name].pixel_array // 2 * 2)
        assert each.ImagePositionPatient == before[name].ImagePositionPatient
        assert each.SourceImageSequence[0].ReferencedSOPInstanceUID == before[name].SOPInstanceUID
        assert each.SeriesInstanceUID != before[name].SeriesInstanceUID
        assert violations(each) <= violations(before[name])


def test_what_is_no_scan_is_left_out_and_named():
    report = dicom(NOISE[..., 0])
    report = report[: report.index(b"\xe0\x7f\x10\0")]
    others = {
        "DICOMDIR": b"text",
        "more.zip": zipped(*SLICES),
        "report.dcm": report,
        "half.dcm": SLICES[0][1][:-50],
        "patch.dcm": SLICES[0][1].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.7\0"),
    }
    encoded = codec.encode(decoded(*SLICES, *others.items()))
    assert Change.FILES in encoded.changes
    files = unzipped(encoded.data)
    lines = files["left-out.txt"].decode().splitlines()
    reasons = dict(line.split(": ", 1) for line in lines)
    assert set(reasons) == set(others)
    assert reasons["more.zip"] == "Not a DICOM."
    assert "no pixels" in reasons["report.dcm"]
    assert "truncated" in reasons["half.dcm"]
    assert set(files) - {"left-out.txt"} == {name for name, _ in SLICES}
    again = unzipped(codec.encode(decoded(*files.items())).data)
    assert again["left-out.txt"] == files["left-out.txt"]


def test_places_that_are_not_known_leave_the_numbers():
    unknown = [at(n, ImagePositionPatient=None, InstanceNumber=9 - n) for n in range(3)]
    picture = decoded(*unknown)
    assert picture.stack == Stack(3)
    np.testing.assert_array_equal(picture.pixels.reshape(3, 9, 13), VOLUME[:3][::-1])


def test_slices_of_scales_of_their_own_are_not_apart_in_space():
    def scaled(*slopes):
        places = [[0, 0, number] for number in range(len(slopes))]
        files = zip(places, slopes, strict=True)
        return decoded(
            *(at(n, ImagePositionPatient=p, RescaleSlope=s) for n, (p, s) in enumerate(files))
        )

    assert scaled("2.0", "2", "2").stack == Stack(3, 1, (1.0, 1.0, 1.0))
    assert scaled("2", "2.5", "2").stack == Stack(3)


def test_a_gap_leaves_no_spacing():
    assert decoded(*SLICES[:2], SLICES[3]).stack == Stack(3)


def test_several_slices_of_every_place_are_volumes_over_time():
    files = [
        at(10 * time + place, ImagePositionPatient=[0, 0, place], InstanceNumber=4 * place + time)
        for place in range(2)
        for time in range(3)
    ]
    assert decoded(*files).stack == Stack(6, 3, (1.0, 1.0, 1.0))
    assert decoded(*files[:-1]).stack == Stack(5)


def test_padding_of_any_slice_is_hidden_in_the_volume():
    padded = at(1, PixelPaddingValue=int(VOLUME[1][2, 3]), ImagePositionPatient=[0, 0, 1])
    picture = decoded(SLICES[0], padded)
    assert (picture.alpha[:9] > 0).all()
    assert not picture.alpha[9 + 2, 3]


@pytest.mark.parametrize(
    "other",
    [
        at(1, SeriesInstanceUID="1.2.9"),
        at(1, ImageOrientationPatient=[0, 1, 0, 0, 0, 1]),
        ("wide", dicom(DEEP[:5, :, 0] >> 4, stored=12, SeriesInstanceUID="1.2.4")),
        ("frames", dicom(VOLUME, stored=12, SeriesInstanceUID="1.2.4")),
    ],
    ids=["series", "direction", "size", "many frames"],
)
def test_what_does_not_belong_together_is_a_volume_by_itself(other):
    with pytest.raises(UnsupportedImage, match="holds 2 volumes"):
        decoded(*SLICES, other)
    first, second = dicom_zip.split(zipped(*SLICES, other, ("notes.txt", b"")))
    assert [len(unzipped(data)) for _, data in (first, second)] == [5, 1]
    for header, data in (first, second):
        picture = codec.decode(data, max_pixels=1 << 22)
        assert (header.size, header.stack) == (picture.size, picture.stack)
    joined = unzipped(dicom_zip.joined([data for _, data in (first, second)]))
    assert joined == dict([*SLICES, other, ("left-out.txt", b"notes.txt: Not a DICOM.\n")])


def test_one_volume_is_not_split():
    assert dicom_zip.split(zipped(*SLICES)) == []


def test_too_many_volumes_are_refused():
    files = [at(n, SeriesInstanceUID=f"1.2.{n}") for n in range(MAX_VOLUMES + 1)]
    with pytest.raises(TooManyPixels, match="33 volumes"):
        dicom_zip.split(zipped(*files))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("a.txt", b"text")], "holds no DICOM image"),
        ([("a.dcm", SLICES[0][1][:-50])], "is truncated"),
        ([("inner.zip", zipped(*SLICES))], "holds no DICOM image"),
    ],
)
def test_a_zip_without_scans_is_refused(files, words):
    with pytest.raises(UnsupportedImage, match=words):
        decoded(*files)


def test_a_slice_that_cannot_be_decoded_fails_the_volume():
    broken = SLICES[1][1].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    with pytest.raises((UnreadableImage, UnsupportedImage)):
        decoded(("broken", broken))


def test_nothing_else_can_become_a_zip():
    picture = decoded(*SLICES)
    for other in (stripped(picture), replace(picture, format=Format.DICOM)):
        with pytest.raises(UnsuitableFormat, match="Only what came as a zip"):
            codec.encode(other, Format.DICOM_ZIP)


def test_the_header_covers_what_data_sets_unpack_to():
    plain = codec.read_header(zipped(*SLICES)).decoded_bytes
    files = series(VOLUME, stored=12, PatientComments="x" * 60_000)
    assert codec.read_header(zipped(*files)).decoded_bytes > plain + 3 * 4 * 60_000
