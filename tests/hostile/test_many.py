"""Files of far more parts than any real one has: read or refused at once, with nothing unsaid."""

import struct
import time
import zlib

import imagecodecs
import numpy as np
import pytest

from app.imaging.codec import decode
from app.imaging.formats.heif.boxes import write_box, write_full_box
from app.imaging.formats.jxl.stream import CONTAINER
from app.imaging.picture import Change, ImagingError
from app.imaging.tags import Tag
from tests.fidelity.files import by_pillow, png_chunk
from tests.hostile.attacks import GREY, tiff
from tests.hostile.corpus import png_of

LOST = frozenset({Change.METADATA})


def raw_exif():
    """Texts said to be EXIF in hexadecimal digits, which unpack to millions of lines."""
    text = b"Raw profile type exif\0\0" + zlib.compress(bytes([10]) * (1 << 22), 9)
    whole = png_of(64, 64, zlib.compress(bytes(65 * 64)))
    return whole[:33] + png_chunk(b"zTXt", text) * 50 + whole[33:]


def packed_boxes():
    """Boxes that unpack to 8 MiB each, of which one says all there is to say."""
    packed = b"Exif" + bytes(imagecodecs.brotli_encode(bytes(1 << 23)))
    stream = bytes(imagecodecs.jpegxl_encode(GREY))
    return CONTAINER + write_box(b"jxlc", stream) + write_box(b"brob", packed) * 5000


def avif(places=(), properties=()):
    """An image whose lists say what they like of where it is, and of its properties."""
    info = write_full_box(b"infe", struct.pack(">HH4s", 1, 0, b"av01"), b"\0", version=2)
    size = write_full_box(b"ispe", struct.pack(">II", 64, 64))
    return write_box(b"ftyp", b"avif", bytes(4), b"avifmif1") + write_full_box(
        b"meta",
        write_full_box(b"pitm", b"\0\1"),
        write_full_box(b"iinf", b"\0\1", info),
        write_full_box(b"iloc", bytes(2), struct.pack(">H", len(places)), *places, version=1),
        write_box(b"iprp", write_box(b"ipco", size), *properties),
    )


def places_of_nothing():
    return avif([struct.pack(">HHHH", 1, 1, 0, 2000)] * 2000)


def properties_without_end():
    of_one = struct.pack(">HB", 1, 255) + b"\1" * 255
    return avif(properties=[write_full_box(b"ipma", struct.pack(">I", 2000), of_one * 2000)] * 4)


def elements_within_each_other():
    return xmp(b"<a>" * 600_000)


def elements_beside_each_other():
    return xmp(b"<a/>" * 200_000)


def a_long_history():
    return xmp(b"<li>adobe:docid:photoshop:0123-4567-89ab-cdef-0123</li>" * 30_000)


def xmp(content):
    packet = b'<x xmlns:G="http://ns.google.com/photos/1.0/camera/">' + content + b"</x>"
    return tiff({Tag.XMP: (1, len(packet), packet)})


def packets_of_one_kind():
    packet = bytes(imagecodecs.webp_encode(np.stack([GREY] * 3, -1)))
    body = struct.pack("<4sI", b"VP8X", 10) + bytes(4) + b"\x3f\0\0" * 2 + packet[12:]
    body += struct.pack("<4sI2s", b"XMP ", 2, b"ab") * 9000
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def comments():
    gif = by_pillow(GREY, "GIF")
    start = gif.index(b",", 13 + 768)
    return gif[:start] + b"!\xfe\0" * 100_000 + gif[start:]


@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (raw_exif, LOST),
        (packed_boxes, LOST),
        (places_of_nothing, "links"),
        (properties_without_end, "links"),
        (elements_within_each_other, LOST),
        (elements_beside_each_other, LOST),
        (a_long_history, frozenset()),
        (packets_of_one_kind, LOST),
        (comments, "extensions"),
    ],
)
def test_each_takes_less_than_a_second(make, outcome):
    """Of processor time, whatever else the machine does."""
    data = make()
    began = time.process_time()
    found: object
    try:
        found = decode(data, max_pixels=64 * 64).changes
    except ImagingError as error:
        found = str(error)
    assert time.process_time() - began < 1
    assert outcome in str(found) if isinstance(outcome, str) else found == outcome
