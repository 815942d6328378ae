"""The registry, and that whatever names formats elsewhere goes by it."""

import re
from pathlib import Path

import numpy as np
import pytest

from app.api import openapi
from app.files import finding
from app.imaging import codec, formats
from app.imaging.formats.foreign import FOREIGN
from app.imaging.formats.format import FileFormat, Holds, recognise
from app.imaging.picture import (
    Change,
    Format,
    Header,
    Metadata,
    Picture,
    UnreadableImage,
    UnsupportedImage,
)
from tests.fidelity.foreign import SAMPLES, ftyp
from tests.hostile.corpus import victims
from training import images

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "app/web/index.html").read_text()
FIDELITY = (ROOT / "docs/fidelity.md").read_text()

# a header of four letters, width, height, and grey pixels behind it
LETTERS = b"GRAY"


def read_plain_header(data):
    return Header("plain", data[4], data[5])


def decode_plain(data):
    header = read_plain_header(data)
    pixels = np.frombuffer(data[6:], np.uint8).reshape(header.height, header.width, 1)
    return Picture(pixels, format=Format.PNG)


PLAIN = FileFormat(
    name="plain",
    title="Plain",
    media_types=("image/x-plain",),
    suffixes=(".plain",),
    recognises=recognise(LETTERS),
    read_header=read_plain_header,
    decode=decode_plain,
    encode=lambda picture, _: (
        LETTERS + bytes(picture.pixels.shape[1::-1]) + picture.pixels.tobytes()
    ),
    holds=Holds(depths=(8,)),
)


@pytest.fixture
def plain(monkeypatch):
    """A format of one more file, while the test lasts."""
    monkeypatch.setitem(formats.FORMATS, PLAIN.name, PLAIN)


@pytest.mark.usefixtures("plain")
def test_a_format_that_is_registered_is_known_everywhere(tmp_path):
    data = LETTERS + bytes([2, 1, 7, 9])
    (tmp_path / "some.PLAIN").write_bytes(data)
    assert codec.read_header(data).size == 2
    np.testing.assert_array_equal(codec.decode(data, max_pixels=2).pixels, [[[7], [9]]])
    with pytest.raises(UnreadableImage, match="Plain image is truncated"):
        codec.decode(data[:-1], max_pixels=2)
    with pytest.raises(UnsupportedImage, match=r"tiff, webp or plain\."):
        codec.decode(b"none of them", max_pixels=2)
    assert formats.of_name("image/x-plain") is PLAIN
    assert [each.path.name for each in finding.find([tmp_path], tmp_path / "out", "new")[0]] == [
        "some.PLAIN"
    ]
    assert [path.name for path in images.image_files(tmp_path)] == ["some.PLAIN"]
    assert "image/x-plain" in openapi.upload()["requestBody"]["content"]
    assert "image/x-plain" in openapi.picture("a picture")[200]["content"]


def test_every_format_has_a_record_that_makes_sense():
    assert set(formats.FORMATS) == {"bmp", "gif", "heic"} | set(Format)
    for name, each in formats.FORMATS.items():
        assert each.name == name
        base = name.partition("-")[0]
        assert base in (*each.title.lower().split(), each.suffixes[0][1:])
        assert all(
            re.fullmatch(r"(image|application)/[a-z0-9-]+", kind) for kind in each.media_types
        )
        assert all(re.fullmatch(r"(\.[a-z0-9]+){1,2}", suffix) for suffix in each.suffixes)
        assert (each.encode is not None) == bool(each.holds.depths)


def test_formats_that_are_written_can_be_requested():
    assert {each.name for each in formats.written()} == set(Format)


OTHERS = formats.of_all_pictures()


@pytest.mark.parametrize("target", [Format(each.name) for each in OTHERS])
def test_what_a_format_is_said_to_hold_comes_back(target):
    holds = formats.FORMATS[target].holds
    pixels = np.arange(36, dtype=np.uint8).reshape(6, 6, 1)
    alpha = np.full((6, 6), 9, np.uint8) if holds.alpha else None
    metadata = Metadata(
        exif=b"II*\0\x08\0\0\0\1\0\x0f\1\2\0\4\0\0\0abc\0\0\0\0\0" if holds.exif else None,
        xmp=b"<x/>" if holds.xmp else None,
        dpi=(300, 300) if holds.dpi else None,
    )
    encoded = codec.encode(Picture(pixels, alpha, metadata=metadata), target)
    assert encoded.changes == (set() if holds.grey else {Change.COLOURS})
    picture = codec.decode(encoded.data, max_pixels=36)
    assert picture.channels == (1 if holds.grey else 3)
    assert (picture.alpha is None) == (alpha is None)
    assert (picture.metadata.exif is None, picture.metadata.xmp) == (not holds.exif, metadata.xmp)
    assert (picture.metadata.dpi is None) == (not holds.dpi)
    deep = Picture(np.zeros((1, 1, 1), np.float32 if max(holds.depths) == 32 else np.uint16))
    kept = codec.decode(codec.encode(deep, target).data, max_pixels=1).depth
    assert kept == min(deep.depth, -(-max(holds.depths) // 8) * 8)  # 12 bits are read as 16


def test_the_page_accepts_the_formats_that_are_read():
    (accepted,) = re.findall(r'accept="image/\*,([^"]*)"', PAGE)
    assert set(accepted.split(",")) == formats.suffixes()
    select = PAGE.partition('<select id="format">')[2].partition("</select>")[0]
    assert dict(re.findall(r'value="(\w+)">([\w ]+)<', select)) == {
        each.name: each.title for each in OTHERS
    }
    (fine,) = re.findall(r'class="fine">([\w ,]*), 8 or 16 bits', PAGE)
    assert set(re.split(", | or ", fine)) == {each.title for each in OTHERS}


def test_the_page_knows_answers_of_every_format():
    script = (ROOT / "app/web/static/picture.js").read_text()
    known = re.findall(r'^  \["([\w-]+)", "([\w.]+)", \(bytes\)', script, re.MULTILINE)
    assert {name for name, _ in known} == {*Format, "heic"}  # which is answered in another
    for name, suffix in known:
        assert f".{suffix}" in formats.FORMATS[name].suffixes


def test_the_page_takes_no_file_that_is_read_for_a_foreign_one():
    script = (ROOT / "app/web/static/picture.js").read_text()
    (pattern,) = re.findall(r"^const READ =\s+/(.*)/s;$", script, re.MULTILINE)
    for each in victims():
        assert re.match(pattern.encode(), each.data[:1024], re.DOTALL), each.name


def test_no_pattern_of_the_page_ends_early():
    """At a slash, behind which the rest would be no script."""
    script = (ROOT / "app/web/static/foreign.js").read_text()
    patterns = re.findall(r"^    pattern: /(.*)/s },$", script, re.MULTILINE)
    assert len(patterns) == len(FOREIGN)
    assert not [each for each in patterns if re.search(r"(?<!\\)/", each)]


def test_the_pages_name_all_formats():
    for each in formats.FORMATS.values():
        assert f"\n## {each.title}\n" in FIDELITY
    for foreign in FOREIGN:
        assert re.search(
            rf"^\| {foreign.title.partition(' ')[2]}\b.* \| 415 ", FIDELITY, re.MULTILINE
        )
    (listed,) = re.findall(r"`format` \(([\w, -]*)\)", (ROOT / "README.md").read_text())
    assert set(listed.split(", ")) == set(Format)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("photo.of.me.JPG", ("photo.of.me", ".JPG")),
        ("brain.nii.gz", ("brain", ".nii.gz")),
        ("a.nii/b.Nii", ("a.nii/b", ".Nii")),
        ("list.txt.gz", ("list.txt", ".gz")),
        ("none", ("none", "")),
        (".png", (".png", "")),
    ],
)
def test_names_are_split_before_the_whole_suffix(name, parts):
    assert formats.parted(name) == parts
    assert formats.is_called_one(name) == (parts[1].lower() in formats.suffixes())


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("png", Format.PNG),
        (" JPG", Format.JPEG),
        ("jpeg", Format.JPEG),
        (".tif", Format.TIFF),
        ("image/webp", Format.WEBP),
        (".nii.gz", Format.NIFTI_GZ),
        (".fits.gz", Format.FITS_GZ),
    ],
)
def test_names_suffixes_and_media_types_mean_formats(name, meant):
    assert formats.of_name(name).name == meant
    assert formats.of_name(formats.FORMATS[meant].media_type).name == meant


@pytest.mark.parametrize("name", ["", "gif", "image/", "png;jpeg"])
def test_other_names_are_refused_with_those_that_would_do(name):
    with pytest.raises(
        UnsupportedImage,
        match="jp2, jpeg, jxl, mgh, mgz, mha, nifti, nifti-gz, nrrd, png, pnm, tiff, webp",
    ):
        formats.of_name(name)


@pytest.mark.parametrize(("title", "data"), SAMPLES)
def test_known_formats_that_are_not_read_are_named(title, data):
    with pytest.raises(
        UnsupportedImage, match=f"This is {title} file; (convert|draw|save|send|unpack)"
    ):
        codec.read_header(data)


def test_there_is_a_sample_of_every_known_format():
    assert {title for title, _ in SAMPLES} == {each.title for each in FOREIGN}


@pytest.mark.parametrize("data", [b"<p></p>", bytes(400), b"<" * 5000, ftyp(b"none"), b"x"])
def test_unknown_formats_are_not_named(data):
    with pytest.raises(UnsupportedImage, match="Not an image that is read here: avif, bmp, dicom"):
        codec.read_header(data)


def test_a_picture_that_talks_of_another_format_is_read(saved, colour):
    data = saved(colour, "JPEG", comment=b"%PDF-1.7 <svg")
    assert codec.decode(data, max_pixels=100).size == 63
