"""JPEGs without an end marker: read where all pixels are there, and refused where they are not."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.imaging.codec import decode
from app.imaging.formats.jpeg.ending import END
from app.imaging.picture import Change, UnreadableImage

NOISE = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
SMOOTH = np.linspace(0, 255, NOISE.size).reshape(NOISE.shape).astype(np.uint8)
KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "rows of restarts": {"restart_marker_rows": 1},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 1},
    "halved": {"subsampling": 2},
    "halved with restarts": {"subsampling": 2, "restart_marker_blocks": 2},
}


def saved(pixels=NOISE, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pixels", [NOISE, NOISE[..., 0]], ids=["colour", "grey"])
@pytest.mark.parametrize("left", [0, 1], ids=["no marker", "half a marker"])
def test_without_its_end_a_whole_picture_is_read(kind, pixels, left):
    data = saved(pixels, **KINDS[kind])
    picture = decode(data[: len(data) - 2 + left], max_pixels=10**6)
    assert picture.changes == {Change.END}
    np.testing.assert_array_equal(picture.pixels, decode(data, max_pixels=10**6).pixels)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pixels", [NOISE, NOISE[..., 0], SMOOTH], ids=["colour", "grey", "smooth"])
def test_a_picture_that_lacks_pixels_is_refused(kind, pixels):
    data = saved(pixels, **KINDS[kind])
    start = data.index(b"\xff\xda") + 20
    places = {*np.linspace(start, len(data) - 4, 30).astype(int).tolist()}
    places |= {*range(max(start, len(data) - 20), len(data) - 3)}
    restarts = [place for place in range(start, len(data) - 2) if data[place] == 0xFF]
    for place in {*places, *restarts[:40], *(place + 2 for place in restarts[-40:])}:
        if place < len(data) - 3:
            with pytest.raises(UnreadableImage):
                decode(data[:place], max_pixels=10**6)


def test_a_scan_that_is_missing_is_missed():
    data = saved(progressive=True)
    scans = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]
    assert len(scans) > 5
    for place in scans[1:]:
        for cut in (place, data.rindex(b"\xff\xc4", 0, place)):
            with pytest.raises(UnreadableImage):
                decode(data[:cut], max_pixels=10**6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pixels", [NOISE, NOISE[..., 0]], ids=["colour", "grey"])
def test_a_picture_that_lacks_rows_is_refused_although_it_has_an_end(kind, pixels):
    data = saved(pixels, **KINDS[kind])
    start = data.index(b"\xff\xda") + 20
    scan = (data + b"\xff\xc4").index(b"\xff\xc4", start) if "progressive" in kind else len(data)
    for place in np.linspace(start, start + 0.8 * (scan - start), 8).astype(int):
        with pytest.raises(UnreadableImage):
            decode(data[:place].rstrip(b"\xff") + END, max_pixels=10**6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_grey_at_its_end_is_whole(kind):
    pixels = NOISE.copy()
    pixels[24:, 32:] = 128
    data = saved(pixels, **KINDS[kind])
    picture = decode(data + b"more", max_pixels=10**6)
    assert (picture.pixels[-1, -1] == 128).all()
    assert Change.END not in picture.changes


def test_a_picture_that_is_higher_than_its_pixels_reach_is_refused():
    data = bytearray(saved())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 2] = (120).to_bytes(2)
    with pytest.raises(UnreadableImage, match="lacks pixels"):
        decode(bytes(data), max_pixels=10**6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pixels", [NOISE, NOISE[..., 0]], ids=["colour", "grey"])
def test_few_bytes_that_claim_many_pixels_are_refused_undecoded(kind, pixels, monkeypatch):
    data = bytearray(saved(pixels, **KINDS[kind]))
    place = data.index(b"\xff\xc2" if "progressive" in kind else b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", 6000, 9000)
    monkeypatch.delattr("imagecodecs.jpeg8_decode")
    with pytest.raises(UnreadableImage, match="lacks pixels"):
        decode(bytes(data), max_pixels=64_000_000)
