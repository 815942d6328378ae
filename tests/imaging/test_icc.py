import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging import icc


def tag_names(profile):
    (count,) = struct.unpack_from(">I", profile, 128)
    return [profile[132 + 12 * number :][:4] for number in range(count)]


def with_tag(profile, name, body):
    """The profile with one more tag."""
    (count,) = struct.unpack_from(">I", profile, 128)
    shifted = b""
    for number in range(count):
        own, start, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        shifted += struct.pack(">4sII", own, start + 12, size)
    records = struct.pack(">I", count + 1) + shifted
    records += struct.pack(">4sII", name, len(profile) + 12, len(body))
    return profile[:128] + records + profile[132 + 12 * count :] + body


def test_tables_stay_and_all_else_goes(inverting_profile):
    assert icc.ink_profile(inverting_profile) == inverting_profile
    more = with_tag(with_tag(inverting_profile, b"D2B0", b"mpet"), b"desc", b"desc" + bytes(9))
    assert icc.ink_profile(more) == inverting_profile


def test_tables_of_several_intents_are_kept_at_even_places(inverting_profile):
    table = inverting_profile[144:] + b"\1"
    both = icc.ink_profile(with_tag(inverting_profile, b"A2B1", table))
    assert both is not None
    assert tag_names(both) == [b"A2B0", b"A2B1"]
    assert struct.unpack_from(">I", both)[0] == len(both)
    for number in range(2):
        name, start, size = struct.unpack_from(">4sII", both, 132 + 12 * number)
        assert start % 4 == 0
        assert both[start : start + size] == {b"A2B0": table[:-1], b"A2B1": table}[name]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((16, b"RGB "), (20, b"CMYK"), (36, b"spca"), (128, b"\0\0\0\0")),
        *((132, b"B2A0"), (136, b"\xff\xff\xff\xff"), (140, b"\xff\xff\xff\xff"), (144, b"mpet")),
    ],
)
def test_what_has_no_table_is_of_no_use(place, value, inverting_profile):
    changed = inverting_profile[:place] + value + inverting_profile[place + 4 :]
    assert icc.ink_profile(changed) is None


def test_tables_have_a_limit(inverting_profile):
    vast = b"mft2" + bytes(icc.MAX_TABLES)
    assert icc.ink_profile(with_tag(inverting_profile, b"A2B1", vast)) is None


@given(st.binary(max_size=300))
def test_any_bytes_will_do(data):
    assert icc.ink_profile(data) is None
    assert icc.ink_profile(data[:16] + b"CMYKLab " + bytes(12) + b"acsp" + data) is None


def test_a_profile_is_sound_when_all_of_it_is_there(srgb, inverting_profile):
    for profile in (srgb, inverting_profile, icc.adobe_rgb(), srgb + b"more"):
        assert icc.is_sound(profile)
        assert not icc.is_sound(profile[: len(srgb) // 2])
    misplaced = bytearray(srgb)
    struct.pack_into(">I", misplaced, 136, len(srgb))
    assert not icc.is_sound(bytes(misplaced))
    for damaged in (b"", b"a profile", bytes(200), srgb[:36] + b"none" + srgb[40:]):
        assert not icc.is_sound(damaged)
