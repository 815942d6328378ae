"""What lies behind the end of an image in its file does not cost the image, and is named."""

from functools import cache

import numpy as np
import pytest

from app.imaging import codec
from app.imaging.formats.heif.boxes import boxes, write_box
from app.imaging.formats.jxl.stream import write_file
from app.imaging.picture import Change, Metadata, UnreadableImage
from tests.fidelity.files import FILM, SMOOTH, avif, by_pillow, heic, jp2, jxl

MAKERS = {
    "avif": lambda: avif(SMOOTH),
    "bmp": lambda: by_pillow(SMOOTH, "BMP"),
    "gif": lambda: by_pillow(SMOOTH[..., 0], "GIF"),
    "heic": lambda: heic(SMOOTH, 8),
    "jpeg": lambda: by_pillow(SMOOTH, "JPEG"),
    "bare jp2": lambda: jp2(SMOOTH, codecformat="j2k"),
    "jp2": lambda: jp2(SMOOTH),
    "bare jxl": lambda: jxl(SMOOTH),
    "bare jxl with loss": lambda: jxl(SMOOTH, level=80, lossless=False),
    "jxl": lambda: write_file(jxl(SMOOTH), Metadata(), deep=False),
    "png": lambda: by_pillow(SMOOTH, "PNG"),
    "webp": lambda: by_pillow(SMOOTH, "WEBP"),
}
NOTES = bytes(50) + b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1577836800000SEFHSEFT"
"""The beginning of what phones by Samsung put behind an image."""
REST = {
    "nothing": (b"", set()),
    "a line's end": (b"\r\n", set()),
    "padding": (bytes(4096), set()),
    "three bytes": (b"\1\2\3", {Change.METADATA}),
    "anything": (np.random.default_rng(3).bytes(100), {Change.METADATA}),
    "notes": (NOTES, {Change.METADATA}),
    "a film": (FILM + write_box(b"moov", bytes(100)), {Change.FILM}),
}


@cache
def plain(name):
    data = MAKERS[name]()
    return data, codec.decode(data, max_pixels=1000)


@pytest.mark.parametrize("rest", REST)
@pytest.mark.parametrize("name", MAKERS)
def test_an_image_is_read_and_what_is_behind_it_named(name, rest):
    data, alone = plain(name)
    behind, lost = REST[rest]
    if name == "webp" and lost:  # whose chunks might as well be damaged
        lost = {Change.END}
    if name == "jpeg" and lost:  # whose metadata may tell of the film
        lost = lost | {Change.METADATA}
    picture = codec.decode(data + behind, max_pixels=1000)
    assert picture.changes == alone.changes | lost
    np.testing.assert_array_equal(picture.pixels, alone.pixels)


@pytest.mark.parametrize("name", ["avif", "heic"])
@pytest.mark.parametrize("box", [b"sefd", b"uuid"])
def test_boxes_of_others_are_named(name, box):
    data, alone = plain(name)
    picture = codec.decode(data + write_box(box, NOTES) + write_box(b"free"), max_pixels=1000)
    assert picture.changes == alone.changes | {Change.METADATA}


@pytest.mark.parametrize("name", ["avif", "heic", "jp2", "jxl"])
def test_a_file_that_breaks_off_is_none_with_something_behind_it(name):
    data, _ = plain(name)
    *before, last = boxes(data)
    for cut in (len(last.body) - 1, len(last.body) // 2, 1):
        with pytest.raises(UnreadableImage):
            codec.decode(data[:-cut], max_pixels=1000)
    with pytest.raises(UnreadableImage):
        codec.decode(b"".join(write_box(*each) for each in before), max_pixels=1000)
