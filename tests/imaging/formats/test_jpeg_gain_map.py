"""Gain maps in answers, found again as readers of Ultra HDR and of the index find them."""

import io
import struct
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from app.imaging import codec, formats
from app.imaging.changes import stripped
from app.imaging.formats.jpeg.segments import APP1, APP2, write_segment
from app.imaging.picture import Change, Format
from tests.imaging.formats.decoding import decoded
from tests.imaging.formats.test_jpeg_companions import CONTAINER, FILM, GAIN_MAP, XMP, multi_picture

ITEM = "{http://ns.google.com/photos/1.0/container/item/}"
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
PACKET = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-"
    b"ns#'><r:Description r:about='' xmlns:k='k' k:kept='1' xmlns:h='" + GAIN_MAP + b"' h:Version="
    b"'1.0' xmlns:C='" + CONTAINER + b"'><C:Directory/></r:Description></r:RDF></x:xmpmeta>"
)


def jpeg(saved, pixels, *segments, **options):
    data = saved(pixels, "JPEG", quality=95, **options)
    parts = b"".join(write_segment(marker, body) for marker, body in segments)
    return data[:2] + parts + data[2:]


@pytest.fixture(params=["Ultra HDR", "ISO 21496-1"])
def gain_map(request, saved, colour):
    """A gain map, and the segments by which its picture tells of it."""
    if request.param == "Ultra HDR":
        said = XMP + b"<x xmlns:hdrgm='" + GAIN_MAP + b"' hdrgm:Version='1.0'/>"
        return jpeg(saved, 255 - colour, (APP1, said)), [(APP1, XMP + PACKET)]
    return jpeg(saved, 255 - colour, (APP2, ISO + bytes(60))), [(APP2, ISO + bytes(4))]


@pytest.fixture
def photo(saved, colour, gain_map):
    data, said = gain_map

    def make(behind=b"", **options):
        index = APP2, multi_picture([1000, len(data)])
        return jpeg(saved, colour, *said, index, **options) + data + behind

    return make


def indexed(data):
    """The pictures that the index of a file tells of, by CIPA DC-007."""
    start = data.index(b"MPF\0") + 4
    tiff, found = data[start:], []
    assert tiff[:8] == b"MM\0*\0\0\0\x08"
    fields = {}
    for place in range(10, 10 + 12 * struct.unpack_from(">H", tiff, 8)[0], 12):
        tag, _, count, value = struct.unpack_from(">HHII", tiff, place)
        fields[tag] = count, value
    assert fields[0xB001] == (1, 2)
    length, place = fields[0xB002]
    for kind, size, offset, _, _ in struct.iter_unpack(">IIIHH", tiff[place : place + length]):
        first = start + offset if offset else 0
        assert (kind == 0x030000) == (not offset)
        found.append(data[first : first + size])
    return found


def listed(data):
    """The gain map that XMP tells of: the last of its items' lengths, off the file's end."""
    packet = data.partition(XMP)[2]
    root = ElementTree.fromstring(packet[: packet.index(b"</x:xmpmeta>") + 12])
    items = list(root.iter(f"{{{CONTAINER.decode()}}}Item"))
    assert [each.get(f"{ITEM}Semantic") for each in items] == ["Primary", "GainMap"]
    assert any(each.get(f"{{{GAIN_MAP.decode()}}}Version") == "1.0" for each in root.iter())
    return data[-int(items[1].attrib[f"{ITEM}Length"]) :]


@pytest.mark.parametrize("times", [1, 2])
def test_a_gain_map_is_found_again_behind_its_picture(photo, gain_map, times):
    data = photo()
    for _ in range(times):
        picture = decoded(data)
        assert picture.changes == set()
        answer = codec.encode(picture)
        assert answer.changes == set()
        data = answer.data
    first, second = indexed(data)
    assert second == gain_map[0]
    assert first + second == data
    if ISO in second:
        with Image.open(io.BytesIO(data)) as image:  # Pillow follows the index, too
            image.seek(1)
            np.testing.assert_array_equal(image.convert("RGB"), Image.open(io.BytesIO(second)))
        assert data.index(ISO + bytes(4)) < len(first)
        assert b"hdrgm" not in data
    else:
        assert listed(data) == second
        assert b"k:kept='1'" in data


def test_a_directory_is_written_where_there_was_no_packet(saved, colour):
    said = XMP + b"<x xmlns:hdrgm='" + GAIN_MAP + b"'/>"
    second = jpeg(saved, colour, (APP1, said))
    answer = codec.encode(decoded(jpeg(saved, colour) + second))
    assert listed(answer.data) == second


def test_a_film_behind_it_is_left_out_and_named(photo, gain_map):
    picture = decoded(photo(FILM))
    assert picture.changes == {Change.FILM, Change.METADATA}
    assert codec.encode(picture).data.endswith(gain_map[0])


def test_another_picture_behind_it_is_left_out_and_named(photo, saved, colour):
    assert decoded(photo(saved(colour, "JPEG"))).changes == {Change.PICTURES, Change.METADATA}


def test_it_is_named_where_it_cannot_be_kept(photo, exif):
    picture = decoded(photo())
    for target in {Format(each.name) for each in formats.of_all_pictures()} - {Format.JPEG}:
        assert Change.GAIN_MAP in codec.encode(picture, target).changes
    bare = codec.encode(stripped(picture))
    assert bare.changes == {Change.GAIN_MAP, Change.METADATA}
    assert (b"MPF\0" in bare.data, ISO in bare.data, GAIN_MAP in bare.data) == (False,) * 3
    turned = decoded(photo(exif=exif(6)))  # the map is not turned with it
    assert {Change.GAIN_MAP, Change.ORIENTATION} <= turned.changes
    answer = codec.encode(turned).data
    assert (b"MPF\0" in answer, ISO in answer, b"Directory" in answer) == (False,) * 3


@pytest.mark.parametrize("cut", [3, 200, 400])
def test_a_map_that_is_cut_off_is_none(photo, gain_map, cut):
    data = photo()[:-cut]
    picture = decoded(data)
    assert picture.metadata.gain_map is None
    assert Change.GAIN_MAP in picture.changes


def test_a_packet_that_is_too_long_with_it_stays_as_it_was(photo):
    picture = decoded(photo())
    if picture.metadata.xmp:
        long = picture.metadata.xmp.replace(b"kept='1'", b"kept='1'" + b" " * 65_000)
        object.__setattr__(picture.metadata, "xmp", long)
        answer = codec.encode(picture)
        assert long in answer.data
        assert indexed(answer.data)[1] == picture.metadata.gain_map
