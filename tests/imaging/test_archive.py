"""Zips of callers: what is in them is bounded, and their names stay below a folder."""

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging import archive
from app.imaging.archive import MAX_FILES, Archive, Packer
from app.imaging.picture import ImagingError, TooManyPixels, UnreadableImage, UnsupportedImage
from tests.fidelity.files import zipped

NOW = (2026, 11, 5, 12, 30, 8)
PLAIN = zipped(("a/one", b"1" * 999), ("two", b"2"))


def changed(data, place, kind, value, record=b"PK\1\2"):
    """With a field of the first record of the directory, or of a file, set anew."""
    found = bytearray(data)
    struct.pack_into(kind, found, found.index(record) + place, value)
    return bytes(found)


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_come_out_as_they_went_in(packing):
    found = Archive(zipped(("a/", b""), ("a/one", b"1" * 999), ("two", b"2"), packing=packing))
    assert list(found) == ["a/one", "two"]
    assert (found.begins("a/one", 3), found.read("a/one"), found.size("two")) == (
        b"111",
        b"1" * 999,
        1,
    )


def test_what_is_packed_is_read_again_with_names_and_times():
    packer = Packer()
    for name in ("ä/ü", "b"):
        packer.add(name, name.encode() * 9, NOW)
    found = Archive(packer.packed())
    assert list(found) == ["ä/ü", "b"]
    assert found.read("ä/ü") == "ä/ü".encode() * 9
    assert found.time("b") == NOW


def test_sizes_of_64_bits_are_read():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target, target.open("a", "w", force_zip64=True) as entry:
        entry.write(b"long")
    assert Archive(file.getvalue()).read("a") == b"long"


@pytest.mark.parametrize(
    "name",
    ["../a", "a/../../b", "/etc/passwd", "C:/a", "c:a", "a\\..\\b", "..", "a/..", "\\a", "a\nb"],
)
def test_names_that_lead_out_are_refused(name):
    with pytest.raises(UnreadableImage, match="leads out of its folder"):
        Archive(zipped((name, b"")))


@pytest.mark.parametrize("name", ["a..b", "a/..b/c", "...", "C", "a/b:c"])
def test_odd_names_that_do_not_are_kept(name):
    assert list(Archive(zipped((name, b"")))) == [name]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused():
    with pytest.raises(UnreadableImage, match="two files of one name"):
        Archive(zipped(("a", b"1"), ("a", b"2")))


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (changed(PLAIN, 8, "<H", 1), UnsupportedImage, "encrypted"),
        (changed(PLAIN, 10, "<H", 12), UnsupportedImage, "not packed by deflate"),
        (changed(PLAIN, 24, "<I", 1 << 27), TooManyPixels, "unpacks to more"),
        (PLAIN[:-9], UnreadableImage, "truncated"),
        (b"PK\3\4", UnreadableImage, "truncated"),
    ],
)
def test_unsupported_files_are_refused_in_words(data, error, words):
    with pytest.raises(error, match=words):
        Archive(data)


def test_thousands_of_files_are_refused_before_their_directory_is_read(monkeypatch):
    monkeypatch.setattr(archive, "ZipFile", None)
    with pytest.raises(TooManyPixels, match=f"at most {MAX_FILES}"):
        Archive(b"PK\1\2" * (MAX_FILES + 1))


def declaring(count, *more):
    """A zip of empty files that declare nearly 64 MiB each, and of more that do not."""
    data = zipped(
        *((str(number), b"") for number in range(count)), *more, packing=zipfile.ZIP_STORED
    )
    for _ in range(count):
        data = changed(data, 24, "<I", (1 << 26) - 1).replace(b"PK\1\2", b"PK\0\0", 1)
    return data.replace(b"PK\0\0", b"PK\1\2")


def test_all_files_together_are_bounded():
    with pytest.raises(TooManyPixels, match="unpacks to more"):
        Archive(declaring(20, ("scan", bytes(20 << 20))))


def test_files_unpack_to_far_more_than_the_zip_only_if_that_is_little():
    assert len(list(Archive(declaring(2)))) == 2
    with pytest.raises(TooManyPixels, match="unpacks to more"):
        Archive(declaring(3))
    assert len(list(Archive(declaring(3, ("scan", bytes(1 << 20)))))) == 4


def test_a_file_unpacks_to_no_more_than_it_declares():
    bomb = zipped(("a", bytes(1 << 24)))
    for record, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        bomb = changed(bomb, place, "<I", 9, record)
    with pytest.raises(UnreadableImage, match="damaged"):
        Archive(bomb).read("a")


def test_files_that_lie_one_over_the_other_are_refused():
    data = zipped(("a", b"1" * 99), ("b", b"2" * 99))
    second = data.rindex(b"PK\1\2")
    overlapped = data[:second] + changed(data[second:], 42, "<I", 0)
    with pytest.raises(UnreadableImage, match="damaged"):
        Archive(overlapped).read("b")


@given(st.data())
def test_damage_is_refused_or_does_no_harm(data):
    found = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 4))):
        found[data.draw(st.integers(0, len(found) - 1))] = data.draw(st.integers(0, 255))
    try:
        opened = Archive(bytes(found))
        for name in opened:
            opened.read(name)
    except ImagingError:
        pass
