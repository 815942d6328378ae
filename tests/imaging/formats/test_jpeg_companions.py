import struct

import numpy as np
import pytest

from app.imaging import codec
from app.imaging.formats.jpeg.segments import APP1, APP2, write_segment
from app.imaging.picture import Change

FILM = b"\0\0\0\x18ftypmp42" + bytes(2000)
XMP = b"http://ns.adobe.com/xap/1.0/\0"
CAMERA = b"http://ns.google.com/photos/1.0/camera/"
GAIN_MAP = b"http://ns.adobe.com/hdr-gain-map/1.0/"
CONTAINER = b"http://ns.google.com/photos/1.0/container/"


def xmp(attributes):
    return XMP + b"<r:d xmlns:r='r' xmlns:k='k' k:kept='1'" + attributes + b"/>"


def multi_picture(sizes):
    """An APP2 segment with an index of pictures, by CIPA DC-007."""
    entries = b"".join(struct.pack(">IIIHH", 0, size, 0, 0, 0) for size in sizes)
    fields = struct.pack(">H", 3)
    fields += struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    fields += struct.pack(">HHII", 0xB001, 4, 1, len(sizes))
    fields += struct.pack(">HHIII", 0xB002, 7, len(entries), 50, 0)
    return b"MPF\0MM\0*\0\0\0\x08" + fields + entries


@pytest.fixture
def photo(saved, colour):
    def make(trailer=b"", *segments):
        data = saved(colour, "JPEG", quality=95)
        parts = b"".join(write_segment(marker, body) for marker, body in segments)
        return data[:2] + parts + data[2:] + trailer

    return make


def cases(photo):
    second = photo()
    motion = xmp(b" xmlns:G='" + CAMERA + b"' G:MotionPhoto='1' G:MicroVideoOffset='2024'")
    ultra = xmp(
        b" xmlns:h='" + GAIN_MAP + b"' h:Version='1.0' xmlns:C='" + CONTAINER + b"' C:Directory=''"
    )
    depth = xmp(b" xmlns:C='" + CONTAINER + b"' C:Item='' Semantic=\"Depth\"")
    index = APP2, multi_picture([len(second)] * 2)
    far = xmp(b" xmlns:n='http://ns.adobe.com/xmp/note/' n:HasExtendedXMP='0123'")
    extension = APP1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + b"<x/>"
    return {
        "film": (photo(FILM, (APP1, motion)), {Change.FILM, Change.METADATA}),
        "film that nothing tells of": (photo(FILM), {Change.FILM, Change.METADATA}),
        "gain map that does not say so": (
            photo(second, (APP1, ultra), index),
            {Change.GAIN_MAP, Change.METADATA},
        ),
        "depth map": (photo(second, (APP1, depth)), {Change.DEPTH_MAP, Change.METADATA}),
        "pictures": (photo(second, index), {Change.PICTURES, Change.METADATA}),
        "long XMP": (photo(b"", (APP1, far), extension), {Change.METADATA}),
        "padding": (photo(bytes(400)), set()),
    }


@pytest.mark.parametrize(
    "kind",
    [
        *("film", "film that nothing tells of", "gain map that does not say so", "depth map"),
        *("pictures", "long XMP", "padding"),
    ],
)
def test_what_lies_beside_the_still_picture_is_named_and_promised_no_more(kind, photo):
    data, changes = cases(photo)[kind]
    picture = codec.decode(data, max_pixels=100)
    np.testing.assert_array_equal(picture.pixels, codec.decode(photo(), max_pixels=100).pixels)
    assert picture.changes == changes
    answer = codec.encode(picture).data
    for promise in (b"MotionPhoto=", b"MicroVideo", b"Version=", b"Directory", b"HasExtended"):
        assert promise not in answer
    assert b"MPF\0" not in answer
    assert (b"k:kept='1'" in answer) == (b"k:kept='1'" in data)
    assert codec.decode(answer, max_pixels=100).changes == set()
