"""DICOM: what comes back is a derived image, by the rules of PS3.3, with all else untouched."""

import io
import struct
import sys
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import Dataset, dcmread, uid
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from app.imaging import codec
from app.imaging.changes import stripped
from app.imaging.formats import dicom
from app.imaging.formats.dicom.dataset import FREE_ELEMENTS, FREE_ITEMS
from app.imaging.formats.dicom.deflated import MAX_INFLATED
from app.imaging.formats.dicom.series import survey
from app.imaging.picture import (
    Change,
    Format,
    ImagingError,
    Note,
    Picture,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
    described,
)
from app.imaging.stack import Stack
from tests.fidelity.files import DEEP, NOISE, SMOOTH, paletted, zipped
from tests.fidelity.files import dicom as made
from tests.hostile.attacks import jpeg_2000, segment
from tests.imaging.formats import decoding
from tests.imaging.formats.dicom_rules import violations

decoded = partial(decoding.decoded, max_pixels=1 << 22)

SAMPLES = Path(pydicom.__file__).parent / "data/test_files"
TWELVE = DEEP[..., 0] >> 4
NEW = {
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "SeriesDescription",
    "ImageType",
    "DerivationDescription",
    "SourceImageSequence",
    "ContributingEquipmentSequence",
    "LossyImageCompression",
    "HighBit",
    "PixelData",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "IconImageSequence",
    "DataSetTrailingPadding",
}


PALETTE = {"SamplesPerPixel"} | {
    f"{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for part in ("Data", "Descriptor")
}


def encoded(picture, pixels=None, words="Noise removed."):
    picture = picture if pixels is None else replace(picture, pixels=pixels)
    return read(codec.encode(described(picture, words)).data)


def read(data):
    return dcmread(io.BytesIO(data))


def others(dataset, without=frozenset()):
    return {
        each.tag: each for each in dataset if each.tag.element and each.keyword not in NEW | without
    }  # lengths of groups have been retired


def has_pixels(path):
    return dicom.is_dicom(path.read_bytes()) and "PixelData" in dcmread(path)


FILES = [
    *sorted(SAMPLES.glob("*.dcm")),
    *(path for path in sorted(SAMPLES.glob("*/**/*")) if path.is_file() and has_pixels(path)),
]
REFUSED = {
    f"{name}.dcm": words
    for words, names in {
        "save it anew": "ExplVR_BigEndNoMeta ExplVR_LitEndNoMeta rtstruct",
        "Not an image": "no_meta",
        "no pixels": "UN_sequence empty_charset_LEI no_meta_group_length priv_SQ reportsi test-SR "
        "reportsi_with_empty_number_tags rtplan rtplan_truncated waveform_ecg",
        "truncated": "MR_truncated meta_missing_tsyntax nested_priv_SQ",
        "type that makes no sense": "SC_rgb_jpeg",
        "size that it declares": "JPEG2000-embedded-sequence-delimiter",
        "32 bits in 32": "SC_rgb_rle_32bit SC_rgb_rle_32bit_2frame badVR rtdose rtdose_1frame "
        "rtdose_expb rtdose_expb_1frame rtdose_rle rtdose_rle_1frame",
        "1 bits in 1": "liver_1frame liver_expb_1frame",
        "incomplete or damaged": "JPEGLSNearLossless_08 JPEGLSNearLossless_16 "
        "SC_rgb_jls_lossy_line SC_rgb_jls_lossy_sample",
    }.items()
    for name in names.split()
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_the_files_of_pydicom_give_derived_images_or_a_clear_refusal(path):
    if path.name in REFUSED:
        with pytest.raises(ImagingError, match=REFUSED[path.name]):
            encoded(decoded(path.read_bytes()))
        return
    picture = decoded(path.read_bytes())
    result = encoded(picture, picture.pixels // 2 * 2)
    source = dcmread(path)
    of_palette = PALETTE if source.PhotometricInterpretation == "PALETTE COLOR" else set()
    assert others(result, of_palette) == others(source, of_palette)
    assert violations(result) <= violations(source)
    assert result.ImageType[0] == "DERIVED"
    assert result.SOPInstanceUID not in ("", source.SOPInstanceUID)
    assert result.SeriesInstanceUID != source.SeriesInstanceUID
    assert result.file_meta.MediaStorageSOPInstanceUID == result.SOPInstanceUID
    (origin,) = result.SourceImageSequence
    assert origin.ReferencedSOPInstanceUID == source.SOPInstanceUID
    if "LossyImageCompression" in source:
        assert result.LossyImageCompression >= source.LossyImageCompression
    found = decoded(codec.encode(picture).data)
    np.testing.assert_array_equal(found.pixels, picture.pixels)
    values = result.pixel_array
    span = 1 << result.BitsStored
    low = -span // 2 if result.PixelRepresentation else 0
    assert low <= values.min() <= values.max() < low + span


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_what_is_against_the_rules_would_be_found():
    dataset = dcmread(SAMPLES / "MR_small.dcm")
    before = violations(dataset)
    del dataset.ImageType
    dataset.Modality, dataset.SOPInstanceUID = "", "1.2.x"
    assert violations(dataset) - before == {
        "ImageType is missing",
        "Modality is empty",
        "SOPInstanceUID is invalid",
    }


@pytest.mark.parametrize(
    "name",
    ["JPEG2000.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "693_J2KI.dcm"],
)
def test_frames_are_those_that_pydicom_decodes(name):
    data = (SAMPLES / name).read_bytes()
    np.testing.assert_array_equal(decoded(data).pixels[..., 0], read(data).pixel_array)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "SC_ybr_full_422_uncompressed.dcm"])
def test_colours_are_those_that_pydicom_converts(name):
    data = (SAMPLES / name).read_bytes()
    picture = decoded(data)
    shown = pydicom.pixels.pixel_array(io.BytesIO(data))
    assert Change.COLOURS in picture.changes
    np.testing.assert_allclose(
        picture.pixels.reshape(shown.shape).astype(int), shown.astype(int), rtol=0, atol=1
    )
    result = encoded(picture)
    assert (result.PhotometricInterpretation, result.PlanarConfiguration) == ("RGB", 0)


@pytest.mark.parametrize(
    ("syntax", "coder"),
    [
        (uid.ExplicitVRLittleEndian, None),
        (uid.ExplicitVRBigEndian, None),
        (uid.JPEGLSLossless, imagecodecs.jpegls_encode),
        (uid.JPEGLosslessSV1, partial(imagecodecs.jpeg8_encode, lossless=True)),
        (uid.JPEG2000Lossless, partial(imagecodecs.jpeg2k_encode, codecformat="j2k", mct=False)),
    ],
    ids=["plain", "big-endian", "JPEG-LS", "lossless JPEG", "JPEG 2000"],
)
def test_ycbcr_becomes_rgb_in_every_coding(syntax, coder):
    ycc = np.asarray(Image.fromarray(SMOOTH).convert("YCbCr"))
    picture = decoded(made(ycc, photometric="YBR_FULL", syntax=syntax, coder=coder))
    assert picture.changes == {Change.COLOURS}
    np.testing.assert_allclose(picture.pixels.astype(int), SMOOTH.astype(int), rtol=0, atol=2)


def test_a_jpeg_2000_that_rotates_colours_itself_is_rgb_whatever_the_data_set_says():
    coder = partial(imagecodecs.jpeg2k_encode, codecformat="j2k", reversible=True)
    for said in ("RGB", "YBR_RCT", "YBR_FULL"):
        data = made(SMOOTH, photometric=said, syntax=uid.JPEG2000Lossless, coder=coder)
        np.testing.assert_array_equal(decoded(data).pixels, SMOOTH)


def test_pairs_of_pixels_share_their_chroma():
    pairs = np.array([[[10, 20, 128, 128], [30, 40, 128, 228]]], np.uint8)
    data = made(pairs[0], photometric="YBR_FULL_422", SamplesPerPixel=3, Rows=1, Columns=4)
    rows = decoded(data).pixels
    np.testing.assert_array_equal(rows[0, :2, 0], [10, 20])
    np.testing.assert_array_equal(rows[0, 2:, 0], [170, 180])
    odd = made(pairs[0], photometric="YBR_FULL_422", SamplesPerPixel=3, Rows=1, Columns=3)
    with pytest.raises(UnreadableImage, match="odd number"):
        decoded(odd)


@pytest.mark.parametrize("name", ["jpeg_ls_lossless", "jp2klossless", "RLE", "implicit", "expb"])
def test_one_scan_is_the_same_in_every_coding(name):
    plain = decoded((SAMPLES / "MR_small.dcm").read_bytes())
    coded = decoded((SAMPLES / f"MR_small_{name}.dcm").read_bytes())
    np.testing.assert_array_equal(plain.pixels, coded.pixels)


def test_what_was_done_is_said():
    result = encoded(decoded(made(TWELVE, stored=12, SeriesDescription="T1")), TWELVE[..., None])
    assert result.DerivationDescription == "Noise removed. Not for diagnosis."
    assert result.SeriesDescription == "T1 [denoised, not for diagnosis]"
    assert result.ContributingEquipmentSequence[0].ContributionDescription == "Noise removed."
    assert result.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_the_same_result_is_the_same_instance_and_another_is_not():
    picture = decoded(made(TWELVE, stored=12))
    first, again = encoded(picture), encoded(picture)
    other = encoded(picture, picture.pixels + 1)
    otherwise = encoded(picture, words="Noise removed by half.")
    assert first.SOPInstanceUID == again.SOPInstanceUID != other.SOPInstanceUID
    assert first.SeriesInstanceUID == other.SeriesInstanceUID != otherwise.SeriesInstanceUID
    assert all(len(uid) <= 64 for uid in (first.SOPInstanceUID, first.SeriesInstanceUID))


def test_values_stay_within_the_bits_stored():
    picture = decoded(made(TWELVE, stored=12))
    assert encoded(picture, picture.pixels + 60_000).pixel_array.max() == 4095
    signed = decoded(made(TWELVE.view("i2") - 2048, stored=12))
    assert encoded(signed, np.full_like(signed.pixels, -30_000)).pixel_array.min() == -2048


def test_bits_that_are_not_stored_are_not_seen():
    data = made(TWELVE | 0xF000, stored=12)
    np.testing.assert_array_equal(decoded(data).pixels[..., 0], TWELVE)
    shifted = made(TWELVE << 4 | 7, stored=12, HighBit=15)
    np.testing.assert_array_equal(decoded(shifted).pixels[..., 0], TWELVE)


@pytest.mark.parametrize(("kind", "least", "greatest"), [("u2", 0, 4095), ("i2", -2048, 2047)])
def test_what_loss_has_moved_beyond_the_bits_stored_stays_at_their_end(kind, least, greatest):
    rows = np.linspace(least - 60, greatest + 60, 64).astype("i4")
    beyond = np.maximum(np.tile(rows, (64, 1)), 0 if kind == "u2" else least - 60).astype(kind)

    def jpeg_2000(frame):
        return imagecodecs.jpeg2k_encode(frame, level=0, codecformat="J2K")

    data = made(beyond, stored=12, syntax=pydicom.uid.JPEG2000, coder=jpeg_2000)
    shown = decoded(data).pixels[..., 0]
    np.testing.assert_array_equal(shown, np.clip(beyond, least, greatest))


def test_elements_that_are_there_twice_are_named():
    data = made(TWELVE, PatientComments="first")
    element = b"\x10\0\0\x40LT\6\0first "
    assert element in data
    twice = data.replace(element, element + element.replace(b"first", b"again"))
    assert decoded(data).changes == set()
    assert decoded(twice).changes == {Change.METADATA}


@pytest.mark.parametrize("is_undefined", [False, True])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
def test_elements_that_are_in_an_item_twice_are_named(syntax, is_undefined):
    inner, region, other = Dataset(), Dataset(), Dataset()
    inner.CodeValue, inner.CodingSchemeDesignator = "first1", "again1"
    region.ConceptCodeSequence = Sequence([inner, inner])
    region.PatientComments, other.PatientComments = "same", "same"
    dataset = read(made(TWELVE, AnatomicRegionSequence=Sequence([region, other])))
    for each in (dataset["AnatomicRegionSequence"], region["ConceptCodeSequence"]):
        each.is_undefined_length = is_undefined
        for item in each.value:
            item.is_undefined_length_sequence_item = is_undefined
    dataset.PatientComments = "same"
    dataset.file_meta.TransferSyntaxUID = syntax
    file = io.BytesIO()
    dataset.save_as(file, implicit_vr=syntax.is_implicit_VR, little_endian=True)
    data = file.getvalue()
    assert decoded(data).changes == set()
    twice = data.replace(b"\x08\0\2\1", b"\x08\0\0\1")  # the tags of those two
    assert data.count(b"\x08\0\2\1") == 2
    assert decoded(twice).changes == {Change.METADATA}


def test_white_is_the_greatest_value_of_monochrome1_and_the_least_in_its_file():
    data = made(TWELVE, stored=12, photometric="MONOCHROME1")
    picture = decoded(data)
    np.testing.assert_array_equal(picture.pixels[..., 0], 4095 - TWELVE)
    result = encoded(picture)
    assert result.PhotometricInterpretation == "MONOCHROME1"
    np.testing.assert_array_equal(result.pixel_array, TWELVE)


@pytest.mark.parametrize("limit", [None, 5])
def test_padding_is_hidden(limit):
    samples = TWELVE.copy()
    samples[0, :3], samples[1, :3] = 3, 5
    elements: dict[str, Any] = {"PixelPaddingValue": 3}
    if limit is not None:
        elements["PixelPaddingRangeLimit"] = limit
    picture = decoded(made(samples, stored=12, **elements))
    hidden = (samples >= 3) & (samples <= (limit or 3))
    np.testing.assert_array_equal(picture.alpha == 0, hidden)
    assert encoded(picture).PixelPaddingValue == 3
    assert Change.ALPHA not in codec.encode(picture).changes
    assert decoded(made(TWELVE | 1, PixelPaddingValue=2)).alpha is None


def test_padding_is_hidden_where_coding_nearly_without_loss_has_moved_it():
    samples = np.where(DEEP[..., 1] % 3 == 0, 0, TWELVE | 64)
    coder = partial(imagecodecs.jpegls_encode, level=3)
    made_near = partial(made, stored=12, PixelPaddingValue=0, coder=coder)
    data = made_near(samples, syntax=uid.JPEGLSNearLossless)
    moved = imagecodecs.jpegls_decode(coder(samples))
    assert moved[samples == 0].any()
    np.testing.assert_array_equal(decoded(data).alpha == 0, samples == 0)


def test_padding_may_lack_its_sign():
    samples = DEEP[..., 0].view("i2")
    samples = np.where(samples == -2000, -1999, samples).astype("i2")
    samples[4, 4] = -2000
    data = bytearray(made(samples, PixelPaddingValue=1))
    place = data.index(b"\x28\0\x20\1") + 4
    data[place : place + 6] = b"US\2\0" + (65_536 - 2000).to_bytes(2, "little")
    assert (decoded(bytes(data)).alpha == 0).sum() == 1


def enhanced(frames, step=(0, 0, 1.0), odd=0.0, slopes=(1, 1, 1)):
    measures = Dataset()
    measures.PixelSpacing = [1.0, 1.0]
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([measures])
    groups = []
    for number in range(len(frames)):
        place, kind, group = Dataset(), Dataset(), Dataset()
        at = np.multiply(step, number) + np.array([0, 0, odd * (number == 1)])
        place.ImagePositionPatient = [float(each) for each in at]
        kind.FrameType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
        group.PlanePositionSequence = Sequence([place])
        group.MRImageFrameTypeSequence = Sequence([kind])
        scale = Dataset()
        scale.RescaleSlope, scale.RescaleIntercept = str(slopes[number]), "0"
        group.PixelValueTransformationSequence = Sequence([scale])
        groups.append(group)
    return made(
        frames,
        stored=12,
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence(groups),
        ImageType=["ORIGINAL", "PRIMARY", "M", "NONE"],
    )


def test_frames_in_a_row_are_a_volume():
    frames = np.stack([DEEP[..., n] >> 4 for n in range(3)])
    assert decoded(enhanced(frames)).stack == Stack(3, 1, (1.0, 1.0, 1.0))
    assert decoded(enhanced(frames, (0, 3, 4))).stack.spacing == (5.0, 1.0, 1.0)
    assert decoded(enhanced(frames, odd=0.5)).stack.spacing is None
    assert decoded(enhanced(frames, (0, 0, 0))).stack.spacing is None
    assert decoded(enhanced(frames, slopes=(1, 1.5, 2))).stack == Stack(3)
    assert decoded(made(frames, stored=12)).stack == Stack(3)
    result = encoded(decoded(enhanced(frames)))
    assert result.ImageType == ["DERIVED", "PRIMARY", "M", "NONE"]
    for group in result.PerFrameFunctionalGroupsSequence:
        assert group.MRImageFrameTypeSequence[0].FrameType[0] == "DERIVED"
    np.testing.assert_array_equal(result.pixel_array, frames)


def test_burned_in_annotation_is_told_and_all_scans_are_not_for_diagnosis():
    plain = decoded(made(TWELVE, BurnedInAnnotation="NO"))
    burned = decoded(made(TWELVE, BurnedInAnnotation="YES"))
    assert codec.encode(plain).notes == (Note.NOT_FOR_DIAGNOSIS,)
    assert set(codec.encode(burned, Format.TIFF).notes) == set(Note)


def test_compression_with_loss_is_never_forgotten():
    def jpeg(frame):
        import imagecodecs

        return imagecodecs.jpeg8_encode(frame, level=90)

    data = made(NOISE[..., 0], syntax=JPEGBaseline8Bit, coder=jpeg)
    assert encoded(decoded(data)).LossyImageCompression == "01"
    before = made(TWELVE, LossyImageCompression="01", LossyImageCompressionRatio=12.0)
    result = encoded(decoded(before))
    assert (result.LossyImageCompression, result.LossyImageCompressionRatio) == ("01", 12.0)
    assert "LossyImageCompression" not in encoded(decoded(made(TWELVE)))


def test_elements_that_no_longer_hold_are_left_out():
    result = encoded(
        decoded(
            made(
                TWELVE,
                SmallestImagePixelValue=0,
                LargestImagePixelValue=9,
                IconImageSequence=Sequence([Dataset()]),
            )
        )
    )
    assert result.LargestImagePixelValue == TWELVE.max()
    assert "IconImageSequence" not in result


@pytest.mark.parametrize(
    ("elements", "error", "words"),
    [
        ({"BitsAllocated": 32, "BitsStored": 32}, UnsupportedImage, "32 bits in 32"),
        ({"BitsStored": 17}, UnsupportedImage, "17 bits in 16"),
        ({"HighBit": 16}, UnreadableImage, "highest bit"),
        ({"SamplesPerPixel": 4}, UnsupportedImage, "4 samples a pixel"),
        ({"PhotometricInterpretation": "YBR_FULL_422"}, UnsupportedImage, "YBR_FULL_422"),
        ({"PhotometricInterpretation": "YBR_PARTIAL_422"}, UnsupportedImage, "YBR_PARTIAL_422"),
        ({"Rows": 0}, UnreadableImage, "sides that make no sense"),
        ({"Rows": 10}, UnreadableImage, "truncated"),
        ({"NumberOfFrames": 2}, UnreadableImage, "truncated"),
        ({"NumberOfFrames": 60_000}, UnreadableImage, "truncated"),
    ],
)
def test_unsupported_files_are_refused_in_words(elements, error, words):
    with pytest.raises(error, match=words):
        decoded(made(TWELVE, **elements))


def test_overlays_among_the_bits_are_refused():
    dataset = read(made(TWELVE, stored=12))
    dataset.add_new((0x6000, 0x0010), "US", 9)
    file = io.BytesIO()
    dataset.save_as(file)
    with pytest.raises(UnsupportedImage, match="overlays among the bits"):
        decoded(file.getvalue())


def lossless(frame):
    return imagecodecs.jpeg8_encode(frame, lossless=True, bitspersample=12)


def extended(frame):
    return imagecodecs.jpeg8_encode(frame, 95, bitspersample=12)


@pytest.mark.parametrize(
    ("syntax", "coder"),
    [
        (pydicom.uid.JPEGLosslessSV1, lossless),
        (pydicom.uid.JPEGExtended12Bit, extended),
        (pydicom.uid.JPEGLSLossless, imagecodecs.jpegls_encode),
        (pydicom.uid.JPEG2000Lossless, imagecodecs.jpeg2k_encode),
    ],
)
def test_frames_that_lack_pixels_are_refused(syntax, coder):
    whole = bytes(coder(TWELVE))

    def with_frame(stream):
        return made(TWELVE, stored=12, syntax=syntax, coder=lambda _: stream)

    assert decoded(with_frame(whole)).pixels.shape[:2] == TWELVE.shape
    for end in np.linspace(60, len(whole) - 3, 12).astype(int):
        with pytest.raises(UnreadableImage):
            decoded(with_frame(whole[:end]))


def test_a_jpeg_of_too_few_bits_for_its_samples_is_refused_undecoded(monkeypatch):
    monkeypatch.delattr("imagecodecs.jpeg8_decode")
    for coder, syntax, marker in (
        (lossless, pydicom.uid.JPEGLosslessSV1, b"\xff\xc3"),
        (extended, pydicom.uid.JPEGExtended12Bit, b"\xff\xc1"),
    ):
        stream = bytearray(coder(TWELVE))
        place = stream.index(marker) + 5
        stream[place : place + 4] = struct.pack(">HH", 2000, 2000)
        data = made(
            TWELVE,
            stored=12,
            syntax=syntax,
            coder=lambda _, it=stream: bytes(it),
            Rows=2000,
            Columns=2000,
        )
        with pytest.raises(UnreadableImage, match="lacks pixels"):
            decoded(data)


@pytest.mark.parametrize("of_tile", [False, True])
def test_a_jpeg_2000_of_many_layers_is_refused_undecoded(monkeypatch, of_tile):
    whole = bytes(imagecodecs.jpeg2k_encode(TWELVE, level=0, codecformat="J2K"))
    coding, tile = whole.index(b"\xff\x52"), whole.index(b"\xff\x90")
    end = coding + 2 + int.from_bytes(whole[coding + 2 : coding + 4], "big")

    def of_layers(count):
        told = whole[coding : coding + 6] + struct.pack(">H", count) + whole[coding + 8 : end]
        head = whole[coding:end] if of_tile else told
        start = whole[tile : tile + 6] + bytes(4) + whole[tile + 10 : tile + 12]  # up to the end
        rest = (told if of_tile else b"") + whole[tile + 12 :]
        stream = whole[:coding] + head + whole[end:tile] + start + rest
        return made(TWELVE, stored=12, syntax=pydicom.uid.JPEG2000Lossless, coder=lambda _: stream)

    np.testing.assert_array_equal(decoded(of_layers(1)).pixels[..., 0], TWELVE)
    monkeypatch.delattr("imagecodecs.jpeg2k_decode")
    with pytest.raises(UnsupportedImage, match="more than 256 layers"):
        decoded(of_layers(257))


def test_a_jpeg_2000_that_lacks_tiles_is_refused():
    stream = bytearray(imagecodecs.jpeg2k_encode(TWELVE, level=0, codecformat="J2K"))
    rows, columns = TWELVE.shape
    struct.pack_into(">II", stream, stream.index(b"\xff\x51") + 6, 2 * columns, rows)
    data = made(
        TWELVE,
        stored=12,
        syntax=pydicom.uid.JPEG2000Lossless,
        coder=lambda _: bytes(stream),
        Columns=2 * columns,
    )
    with pytest.raises(UnreadableImage, match="lacks pixels"):
        decoded(data)


def test_frames_of_another_size_are_refused():
    for coder, syntax in (
        (imagecodecs.jpegls_encode, pydicom.uid.JPEGLSLossless),
        (imagecodecs.jpeg8_encode, JPEGBaseline8Bit),
        (imagecodecs.jpeg2k_encode, pydicom.uid.JPEG2000Lossless),
    ):
        data = made(NOISE[..., 0], syntax=syntax, coder=lambda frame, of=coder: of(frame[:-1]))
        with pytest.raises(UnreadableImage, match="not of the size"):
            decoded(data)
    wide = made(NOISE[..., 0], syntax=pydicom.uid.RLELossless, coder=lambda _: bytes(64))
    with pytest.raises(UnreadableImage):
        decoded(wide)


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_data_set_of_too_many_items_is_refused_unseen(order, monkeypatch):
    data = bytearray(made(TWELVE))
    item = b"".join(number.to_bytes(2, order) for number in (0xFFFE, 0xE000)) + bytes(4)
    count = FREE_ITEMS + FREE_ITEMS // 10  # an item takes 8 bytes, and 128 of a file give it one
    head = struct.pack("<HH2sHI", 0x5200, 0x9230, b"SQ", 0, 8 * count)
    place = data.index(b"\xe0\x7f\x10\0OW")
    data[place:place] = head + item * count
    monkeypatch.delattr("app.imaging.formats.dicom.dataset.read_partial")
    with pytest.raises(TooManyPixels, match="too many items"):
        codec.read_header(bytes(data))
    data += bytes(128 * FREE_ITEMS // 10)
    with pytest.raises(UnreadableImage):  # it is parsed, by what is missing here
        codec.read_header(bytes(data))


def deflated(body, syntax=uid.DeflatedExplicitVRLittleEndian, length=None):
    """The file of a data set, deflated anew."""
    whole = made(TWELVE, stored=12, syntax=syntax)
    end = 144 + int.from_bytes(whole[140:144], "little")
    packer = zlib.compressobj(wbits=-15)
    stream = packer.compress(body or zlib.decompress(whole[end:], -15)) + packer.flush()
    return whole[:end] + stream[:length]


def test_a_deflated_data_set_is_read_and_its_result_is_not_deflated():
    data = deflated(b"")
    assert len(data) < len(made(TWELVE, stored=12))
    header, picture = codec.read_header(data), decoded(data)
    assert header.more_bytes > 0
    np.testing.assert_array_equal(picture.pixels[..., 0], TWELVE)
    result = encoded(picture)
    assert result.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    np.testing.assert_array_equal(result.pixel_array, TWELVE)
    assert decoded(data + bytes(1)).changes == set()


def test_a_deflated_data_set_that_grows_beyond_measure_is_refused_unseen(monkeypatch):
    monkeypatch.delattr("app.imaging.formats.dicom.dataset.read_partial")
    for size in (MAX_INFLATED, 1 << 28):
        data = deflated(bytes(size + (1 << 20)))
        assert len(data) < 1 << 20
        with pytest.raises(TooManyPixels, match="inflates to more than"):
            codec.read_header(data)
    for length in (0, 10, 100):
        with pytest.raises(UnreadableImage, match="truncated"):
            codec.read_header(deflated(b"", length=length))


def test_pydicom_is_given_no_deflated_data_set(monkeypatch):
    monkeypatch.delattr("app.imaging.formats.dicom.dataset.read_partial")
    data, syntax = deflated(b""), uid.DeflatedExplicitVRLittleEndian.encode()
    without_length = data[:132] + data[144:]
    twice = deflated(made(TWELVE)[132:] + syntax)
    for each in (without_length, twice, made(TWELVE, PatientComments=syntax.decode())):
        with pytest.raises(UnsupportedImage, match="deflated"):
            codec.read_header(each)


@pytest.mark.parametrize(
    ("element", "words"),
    [
        (b"\x09\0\0\0UL\0\0", "too many elements"),
        (bytes(8), "is no data set"),
        (b"\2\0\2\0UI\0\0", "is no data set"),
    ],
)
def test_elements_without_end_are_refused(element, words):
    data = deflated(element * (1 << 20))
    assert len(data) < 1 << 16
    with pytest.raises(ImagingError, match=words):
        codec.read_header(data)


def test_memory_that_frames_of_jpeg_2000_take_is_declared():
    frames = np.zeros((2, 512, 512), np.uint8)

    def header(*precincts):
        each = iter(precincts)
        return codec.read_header(
            made(
                frames,
                syntax=uid.JPEG2000Lossless,
                coder=lambda _: jpeg_2000(
                    sides=(512, 512), coding=b"\1\0\0\1\0\5\4\4\0\1" + 6 * next(each)
                ),
            )
        )

    plain, tiny = header(b"\x88", b"\x88"), header(b"\x88", b"\x33")
    assert plain.more_bytes >= 8 * 512 * 512
    assert tiny.more_bytes > plain.more_bytes + (512 * 512 // 64) * 1000


@pytest.mark.parametrize("is_of_tile", [True, False])
def test_frames_of_jpeg_2000_have_no_more_segments_than_a_file_of_one(is_of_tile):
    comment = segment(0x64, b"\0\1")

    def read(frames, comments):
        def coded(_):
            plain = jpeg_2000(of_tile=comment * comments if is_of_tile else b"")
            first = plain.index(b"\xff\x90")
            return plain if is_of_tile else plain[:first] + comment * comments + plain[first:]

        pixels = np.zeros((frames, 64, 64), np.uint8)
        return decoded(made(pixels, syntax=uid.JPEG2000Lossless, coder=coded))

    for frames, comments in ((1, 9000), (4, 2400)):
        with pytest.raises(UnreadableImage, match="damaged"):  # they have no samples
            read(frames, comments)
    for frames, comments in ((2, 9000), (4, 2700), (300, 200)):
        with pytest.raises(UnsupportedImage, match="segments"):
            read(frames, comments)


ELEMENTS, LENGTH = b"\x18\0\x14\x91LO\0\0" * (1 << 20), 1 << 23
GROUPS = b"\0\x52\x30\x92SQ\0\0"
ITEM, UNDEFINED = b"\xfe\xff\0\xe0", b"\xff" * 4


@pytest.mark.parametrize(
    ("sequence", "item"),
    [
        (UNDEFINED, UNDEFINED),
        (UNDEFINED, struct.pack("<I", LENGTH)),
        (struct.pack("<I", LENGTH + 8), struct.pack("<I", LENGTH)),
    ],
)
def test_elements_without_end_are_refused_in_sequences_too(sequence, item):
    data = deflated(GROUPS + sequence + ITEM + item + ELEMENTS)
    assert len(data) < 1 << 16
    with pytest.raises(TooManyPixels, match="too many elements"):
        codec.read_header(data)


@pytest.mark.parametrize(
    "name", ["Modality", "NumberOfFrames", "InstanceNumber", "ImagePositionPatient", "PixelSpacing"]
)
def test_a_list_where_one_value_belongs_is_refused(name):
    elements: dict[str, Any] = {name: ["1"] * 1000}
    data = made(TWELVE, syntax=ImplicitVRLittleEndian, **elements)
    with pytest.raises(UnreadableImage, match=f"too long a value of {name}"):
        survey("slice", data)


@pytest.mark.parametrize(
    ("sequence", "name"),
    [
        ("PlanePositionSequence", "ImagePositionPatient"),
        ("PixelValueTransformationSequence", "RescaleSlope"),
    ],
)
def test_a_list_in_the_group_of_a_frame_is_refused_likewise(sequence, name):
    dataset, file = read(enhanced(np.stack([TWELVE] * 3))), io.BytesIO()
    setattr(dataset.PerFrameFunctionalGroupsSequence[1][sequence].value[0], name, ["1"] * 1000)
    dataset.save_as(file)
    with pytest.raises(UnreadableImage, match=f"too long a value of {name}"):
        codec.read_header(file.getvalue())


def test_names_of_character_sets_count_as_elements_at_every_depth():
    names = struct.pack("<HH2sH", 8, 5, b"CS", 50_000) + b"a\\" * 25_000
    names *= 1 + FREE_ELEMENTS // 2 // 50_000
    for body in (names, GROUPS + UNDEFINED + ITEM + UNDEFINED + names):
        data = deflated(body)
        assert len(data) < 1 << 14
        with pytest.raises(TooManyPixels, match="too many elements"):
            codec.read_header(data)
    group = Dataset()
    group.SpecificCharacterSet = ["", "ISO 2022 IR 87", "ISO 2022 IR 149"]
    frames = np.zeros((2000, 1, 1), np.uint16)
    data = made(frames, PerFrameFunctionalGroupsSequence=[group] * len(frames))
    assert codec.read_header(data).stack.frames == len(frames)


def test_frames_may_have_tens_of_elements_each():
    group = Dataset()
    for number in range(40):
        group.add_new(0x0018_9100 + number, "LO", "12")
    frames = np.zeros((4000, 1, 1), np.uint16)
    data = made(frames, PerFrameFunctionalGroupsSequence=[group] * len(frames))
    assert codec.read_header(data).stack.frames == len(frames)
    end = 144 + int.from_bytes(data[140:144], "little")
    assert codec.read_header(deflated(data[end:])).stack.frames == len(frames)


COLOURS_OF_ALL = np.random.default_rng(4).integers(0, 256, (256, 3))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_becomes_colours(bits):
    colours = COLOURS_OF_ALL << (bits - 8)
    data = paletted(NOISE[..., 0], colours, bits=bits, SmallestImagePixelValue=0)
    picture = decoded(data)
    assert picture.changes == {Change.COLOURS}
    np.testing.assert_array_equal(picture.pixels, COLOURS_OF_ALL[NOISE[..., 0]])
    result = encoded(picture)
    assert (result.PhotometricInterpretation, result.SamplesPerPixel) == ("RGB", 3)
    assert not [each.keyword for each in result if "Palette" in each.keyword]
    assert "SmallestImagePixelValue" not in result
    np.testing.assert_array_equal(result.pixel_array, picture.pixels)


def test_values_beyond_a_palette_have_its_first_and_its_last_colour():
    stored = np.array([[0, 99, 100, 101, 102, 4000]], "u2")
    data = paletted(stored, np.arange(1, 10).reshape(3, 3), first=100)
    found = decoded(data).pixels[0]
    np.testing.assert_array_equal(found[:, 0], [1, 1, 1, 4, 7, 7])


def test_a_palette_in_words_that_fill_their_lower_halves_is_read():
    found = decoded(paletted(NOISE[..., 0], COLOURS_OF_ALL, bits=16)).pixels
    np.testing.assert_array_equal(found, COLOURS_OF_ALL[NOISE[..., 0]])


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"SegmentedRedPaletteColorLookupTableData": bytes(8)}, "segments"),
        ({"RedPaletteColorLookupTableDescriptor": [255, 0, 8]}, "tables differ"),
        ({"RedPaletteColorLookupTableData": bytes(100)}, "truncated"),
        ({"PixelRepresentation": 1}, "PALETTE COLOR"),
    ],
)
def test_palettes_that_make_no_sense_are_refused_by_their_header(elements, words):
    data = paletted(NOISE[..., 0], COLOURS_OF_ALL)
    dataset = dcmread(io.BytesIO(data))
    dataset.update(Dataset())
    for name, value in elements.items():
        setattr(dataset, name, value)
    file = io.BytesIO()
    dataset.save_as(file)
    with pytest.raises(ImagingError, match=words):
        codec.read_header(file.getvalue())


def test_a_palette_behind_a_lossy_code_is_refused():
    coder = partial(imagecodecs.jpeg8_encode, level=95)
    data = paletted(NOISE[..., 0], COLOURS_OF_ALL, syntax=JPEGBaseline8Bit, coder=coder)
    with pytest.raises(UnsupportedImage, match="coded with loss"):
        codec.read_header(data)


def test_a_series_of_palettes_is_a_volume_of_colours():
    slices = [paletted(NOISE[..., n], COLOURS_OF_ALL, InstanceNumber=n + 1) for n in range(3)]
    data = zipped(*((f"{n}.dcm", each) for n, each in enumerate(slices)))
    picture = decoded(data)
    assert picture.stack.frames == 3
    np.testing.assert_array_equal(
        picture.pixels, np.concatenate([COLOURS_OF_ALL[NOISE[..., n]] for n in range(3)])
    )


@pytest.mark.parametrize(
    "syntax", [uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K], ids=lambda each: each.name
)
@pytest.mark.parametrize("samples", [TWELVE, SMOOTH, DEEP[..., 0].view("i2")])
def test_htj2k_is_read(syntax, samples):
    stored = 12 if samples is TWELVE else None
    data = made(samples, stored=stored, syntax=syntax, coder=imagecodecs.htj2k_encode)
    np.testing.assert_array_equal(np.squeeze(decoded(data).pixels), samples)


def test_nothing_else_can_become_a_dicom():
    with pytest.raises(UnsuitableFormat, match="Only what came as a DICOM"):
        codec.encode(Picture(NOISE[..., :1].copy()), Format.DICOM)
    with pytest.raises(UnsuitableFormat, match="and with its metadata"):
        codec.encode(stripped(decoded(made(TWELVE))))
    picture = decoded(made(TWELVE))
    with pytest.raises(UnsuitableFormat, match="not what its data set describes"):
        codec.encode(replace(picture, pixels=picture.pixels[:-1]))


def test_errors_do_not_tell_of_patients():
    data = made(TWELVE, PatientName="Doe^Jane")
    broken = data.replace(b"1.2.3.0", b"Doe^Jan").replace(b"RG", b"XX")
    for name in (b"\x08\0\x18\0UI", b"\x20\0\x0e\0UI"):
        broken = broken.replace(name, b"\x09" + name[1:])
    try:
        codec.encode(decoded(broken))
    except ImagingError as error:
        assert "Doe" not in f"{error} {error.__cause__}"  # noqa: PT017 - it may be read as well


def test_an_installation_without_the_extra_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "app.imaging.formats.dicom.file", None)
    monkeypatch.delattr(dicom, "file", raising=False)
    with pytest.raises(UnsupportedImage, match=r"denoiser\[medical\]"):
        codec.read_header(made(TWELVE))
