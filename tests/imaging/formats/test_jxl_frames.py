"""JPEG XL images of several frames: of 30 bytes each, they may take half a second each to merge."""

import imagecodecs
import pytest

from app.imaging import codec
from app.imaging.codec import UnreadableImage, UnsupportedImage
from app.imaging.formats.jxl.bits import Writer
from app.imaging.formats.jxl.frames import LOW_RESOLUTION, REFERENCE, REGULAR, SKIP_PROGRESSIVE
from app.imaging.formats.jxl.header import GREY, Colours, Head, write_head
from app.imaging.formats.jxl.profile import write_profile
from app.imaging.formats.jxl.reader import read_header

ONES = bytes.fromhex("4b188b15c25038010000000000000000")
"""The pixels of a layer as libjxl writes them: 8 x 8, all of value 1."""
SIDE = ((0, 8), (256, 11), (2304, 14), (18_688, 30))
SECTION = ((0, 10), (1024, 14), (17_408, 22), (4_211_712, 30))


def layer(*, last=False, kind=REGULAR, side=8, shuffled=False):
    """ISO/IEC 18181-1, annex F: ONES, added to the corner of what is below."""
    frame = Writer()
    frame.bits(0)  # not all as usual
    frame.bits(kind, 2)
    frame.bits(1)  # modular
    frame.bits(0, 2 + 1 + 2)  # no flags, no YCbCr, not enlarged
    frame.bits(3, 2)  # groups of 1024 pixels
    if kind != REFERENCE:
        frame.bits(0, 2)  # in one pass
    if kind == LOW_RESOLUTION:
        frame.bits(0, 2)  # an eighth
    else:
        frame.bits(1)  # of a size of its own
        for number in (side, side) if kind == REFERENCE else (0, 0, side, side):
            frame.number(number, *SIDE)
    if kind in (REGULAR, SKIP_PROGRESSIVE):
        frame.bits(1, 2)  # added
        frame.bits(1, 2)  # to what is kept as 1
        frame.bits(last)
    if not last and kind != LOW_RESOLUTION:
        frame.bits(2 if kind == REFERENCE else 1, 2)  # kept as that
    if kind == REFERENCE:
        frame.bits(1)  # before colours are transformed
    frame.bits(0, 2)  # without a name,
    frame.bits(0, 1 + 1 + 2 + 2)  # filters
    frame.bits(0, 2)  # and extensions
    frame.bits(shuffled)  # sections in an order that is stated,
    if shuffled:
        frame.bits(0)  # in a code without repetitions,
        frame.bits(1)  # one for all
        frame.bits(0, 2)
        frame.bits(1)  # with prefixes,
        frame.bits(0, 4)
        frame.bits(0)  # that knows nothing but 0: as they come
    lengths = Writer()
    lengths.number(len(ONES), *SECTION)
    return frame.taken() + lengths.taken() + ONES


def layered(side, layers, /, **what):
    """A grey image of so many frames, of which the last is shown."""
    return _head(side) + layer(**what) * (layers - 1) + layer(last=True)


def _head(side):
    return write_head(Head(side, side, lossy=False, colours=Colours(GREY)), False).taken()


def _behind_profile(side):
    head = write_head(Head(side, side, lossy=False, colours=Colours(GREY)), True)
    write_profile(head, bytes(imagecodecs.cms_profile("gray", gamma=1.8)))
    return head.taken()


KINDS = [{"kind": REGULAR}, {"kind": REGULAR, "shuffled": True}, {"kind": SKIP_PROGRESSIVE}]


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("layers", [1, 2, 5])
def test_layers_are_merged(layers, what):
    pixels = codec.decode(layered(16, layers, **what), max_pixels=256).pixels[..., 0]
    assert (pixels[:8, :8] == layers).all()
    assert pixels.sum() == layers * 64


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize(("side", "most"), [(16, 1000), (4000, 12), (8000, 9)])
def test_more_layers_than_an_image_of_the_size_may_have_are_refused_by_their_heads(
    side, most, what
):
    assert read_header(layered(side, most, **what)).width == side
    with pytest.raises(UnsupportedImage, match="layers"):
        read_header(layered(side, most + 1, **what))


@pytest.mark.parametrize("kind", [REGULAR, REFERENCE, SKIP_PROGRESSIVE])
def test_layers_that_are_larger_than_the_image_count_as_such(kind):
    assert read_header(layered(16, 65, kind=kind, side=1024)).width == 16
    with pytest.raises(UnsupportedImage, match="too many layers for its size"):
        read_header(layered(16, 66, kind=kind, side=1024))


@pytest.mark.parametrize("kind", [REFERENCE, LOW_RESOLUTION])
def test_what_is_smaller_than_the_image_counts_as_that(kind):
    """Patches of text, and what is shown before the rest has come."""
    assert read_header(layered(4000, 200, kind=kind)).width == 4000
    pixels = codec.decode(layered(64, 3, kind=kind), max_pixels=4096).pixels
    assert pixels.sum() == 64


def test_layers_behind_a_profile_are_counted():
    several = layer() * 8
    assert read_header(_behind_profile(8000) + several + layer(last=True)).width == 8000
    with pytest.raises(UnsupportedImage, match="layers"):
        read_header(_behind_profile(8000) + several + layer() + layer(last=True))


@pytest.mark.parametrize("what", KINDS)
def test_an_image_that_ends_before_its_last_layer_is_unreadable(what):
    file = layered(16, 3, **what)
    for end in range(len(_head(16)), len(file) - len(layer(last=True))):
        with pytest.raises(UnreadableImage, match=r"truncated|damaged"):
            read_header(file[:end])


def test_hidden_layers_that_cannot_be_told_apart_are_refused():
    with pytest.raises(UnsupportedImage, match="order"):
        read_header(layered(16, 2, kind=SKIP_PROGRESSIVE, shuffled=True))


def test_where_libjxl_is_hidden_layers_are_counted_as_far_as_that_goes(monkeypatch):
    monkeypatch.setattr("app.imaging.formats.jxl.frames.libjxl", lambda: None)
    with pytest.raises(UnsupportedImage, match="layers"):
        read_header(layered(16, 2000))
    assert read_header(layered(16, 2000, shuffled=True)).width == 16
    assert read_header(_behind_profile(16) + layer() * 2000).width == 16
