"""JPEG XL images of several layers: of 30 bytes each, they may take half a second each to merge."""

import pytest

from app.imaging import codec
from app.imaging.codec import UnsupportedImage
from app.imaging.formats.jxl.bits import Writer
from app.imaging.formats.jxl.header import GREY, Colours, Head, write_head
from app.imaging.formats.jxl.reader import read_header

ONES = bytes.fromhex("4b188b15c25038010000000000000000")
"""The pixels of a layer as libjxl writes them: 8 x 8, all of value 1."""
SIDE = ((0, 8), (256, 11), (2304, 14), (18_688, 30))
SECTION = ((0, 10), (1024, 14), (17_408, 22), (4_211_712, 30))


def layer(*, last, shown=True):
    """ISO/IEC 18181-1, annex F: ONES, added to the corner of what is below."""
    frame = Writer()
    frame.bits(0b1_00_0 if shown else 0b1_11_0, 4)  # regular or skip-progressive, modular
    frame.bits(0, 2 + 1 + 2)  # no flags, no YCbCr, not enlarged
    frame.bits(1, 2)  # groups of 256 pixels
    frame.bits(0, 2)  # in one pass
    frame.bits(1)  # smaller than the image
    for number in (0, 0, 8, 8):
        frame.number(number, *SIDE)
    frame.bits(1, 2)  # added
    frame.bits(1, 2)  # to what is kept as 1
    frame.bits(last)
    if not last:
        frame.bits(1, 2)
    frame.bits(0, 2)  # without a name,
    frame.bits(0, 1 + 1 + 2 + 2)  # filters
    frame.bits(0, 2)  # and extensions
    frame.bits(0)  # sections in their order
    lengths = Writer()
    lengths.number(len(ONES), *SECTION)
    return frame.taken() + lengths.taken() + ONES


def layered(side, layers, *, shown=True):
    head = write_head(Head(side, side, lossy=False, colours=Colours(GREY)), False).taken()
    return head + layer(last=False, shown=shown) * (layers - 1) + layer(last=True)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_layers_are_merged(layers):
    pixels = codec.decode(layered(16, layers), max_pixels=256).pixels[..., 0]
    assert (pixels[:8, :8] == layers).all()
    assert pixels.sum() == layers * 64


@pytest.mark.parametrize(("side", "most"), [(16, 1000), (4000, 67), (8000, 16)])
def test_more_layers_than_an_image_of_the_size_may_have_are_refused_by_their_heads(side, most):
    assert read_header(layered(side, most)).width == side
    with pytest.raises(UnsupportedImage, match=f"more than {most} layers"):
        read_header(layered(side, most + 1))


def test_where_libjxl_is_hidden_layers_are_not_counted(monkeypatch):
    monkeypatch.setattr("app.imaging.formats.jxl.layers.libjxl", lambda: None)
    assert read_header(layered(16, 2000)).width == 16
