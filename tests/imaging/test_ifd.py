import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging import ifd
from app.imaging.picture import TooManyPixels
from app.imaging.tags import Tag

orders = st.sampled_from(["<", ">"])
values = st.binary(min_size=1, max_size=9).map(lambda value: ifd.Field(1, len(value), value))
plain_tags = st.integers(1, 60_000).filter(lambda tag: tag not in ifd.POINTERS)
leaves = st.dictionaries(plain_tags, values, max_size=5)


def structure(fields, order="<"):
    return ifd.header(order, 8) + ifd.pack(fields, order, 8)


def plain(tree):
    """A tree without what depends on where it was stored."""
    return {
        tag: plain(entry)
        if isinstance(entry, dict)
        else (entry.kind, entry.count, bytes(entry.value))
        for tag, entry in tree.items()
    }


@given(orders, leaves, leaves, leaves)
def test_a_tree_of_directories_is_read_as_it_was_packed(order, fields, exif, gps):
    tree = {**fields, Tag.EXIF: exif, Tag.GPS: gps}
    (first,) = ifd.directories(structure(tree, order))
    assert first.order == order
    assert plain(ifd.tree(first)) == plain(tree)
    without = ifd.tree(first, without={Tag.GPS, *fields})
    assert plain(without) == plain({Tag.EXIF: exif})


@given(orders)
def test_numbers_are_read_in_the_file_s_byte_order(order):
    fields = {
        1: ifd.integers(order, ifd.SHORT, 1, 2, 3),
        2: ifd.integers(order, ifd.LONG, 70_000),
        3: ifd.Field(ifd.RATIONAL, 1, struct.pack(order + "II", 7, 2)),
        4: ifd.Field(ifd.RATIONAL, 1, struct.pack(order + "II", 7, 0)),
    }
    (first,) = ifd.directories(structure(fields, order))
    np.testing.assert_array_equal(first.integers(1), [1, 2, 3])
    assert first.integer(2) == 70_000
    assert (first.rational(3), first.rational(4)) == (3.5, 0)
    assert (first.integer(3, 9), first.integer(99, 9), first.rational(1)) == (9, 9, 0)


def test_bigtiff_is_the_same_with_longer_offsets():
    record = struct.pack("<HHQQ", 256, 16, 1, 2**40)
    data = b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + struct.pack("<Q", 1) + record + bytes(8)
    (first,) = ifd.directories(data)
    assert first.big
    assert first.integer(256) == 2**40


def test_a_value_that_points_out_of_the_file_is_not_there():
    record = struct.pack("<HHII", 256, 1, 100, 2**31)
    (first,) = ifd.directories(ifd.header("<", 8) + b"\1\0" + record + bytes(4))
    assert not first.fields


def test_a_link_to_nowhere_below_is_left_out():
    fields = {Tag.EXIF: ifd.integers("<", ifd.LONG, 2**31), 1: ifd.integers("<", ifd.LONG, 5)}
    (first,) = ifd.directories(structure(fields))
    assert set(ifd.tree(first)) == {1}


def test_directories_that_contain_themselves_end_somewhere():
    (first,) = ifd.directories(structure({Tag.EXIF: ifd.integers("<", ifd.LONG, 8)}))
    assert ifd.tree(first) == {Tag.EXIF: {Tag.EXIF: {}}}


def test_a_chain_that_closes_is_refused():
    with pytest.raises(ValueError, match="endless"):
        list(ifd.directories(ifd.header("<", 8) + b"\0\0" + struct.pack("<I", 8)))


def test_a_chain_of_too_many_directories_is_refused():
    links = [b"\0\0" + struct.pack("<I", 8 + 6 * (number + 1)) for number in range(20_000)]
    with pytest.raises(TooManyPixels, match=r"more than \d+ pages"):
        list(ifd.directories(ifd.header("<", 8) + b"".join(links)))


def test_values_that_overlap_are_not_copied():
    records = [struct.pack("<HHII", tag, 1, 1000, 8) for tag in range(1, 9)]
    data = ifd.header("<", 8) + b"\10\0" + b"".join(records) + bytes(1000)
    (first,) = ifd.directories(data)
    with pytest.raises(ValueError, match="overlap"):
        ifd.tree(first)


def test_a_directory_of_too_many_fields_is_refused():
    with pytest.raises(ValueError, match="too many fields"):
        list(ifd.directories(ifd.header("<", 8) + b"\xff\xff" + bytes(2**20)))


@pytest.mark.parametrize(
    "data", [b"", b"II*\0", b"II*\0\xff\0\0\0", b"GIF89a..", b"MM\0*\0\0\0\x08"]
)
def test_what_is_no_structure_is_an_error_of_its_kind(data):
    with pytest.raises((ValueError, struct.error)):
        list(ifd.directories(data))


def test_a_chain_of_too_many_fields_is_refused():
    field = struct.pack("<HI4s", ifd.BYTE, 1, bytes(4))
    fields = b"".join(struct.pack("<H", tag) + field for tag in range(4000))
    size = 2 + len(fields) + 4
    chain = [
        struct.pack("<H", 4000) + fields + struct.pack("<I", 8 + size * (number + 1))
        for number in range(70)
    ]
    with pytest.raises(TooManyPixels, match=r"more than \d+ fields"):
        list(ifd.directories(ifd.header("<", 8) + b"".join(chain)))
