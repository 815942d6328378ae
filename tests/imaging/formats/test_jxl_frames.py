"""JPEG XL images of several frames: of 30 bytes each, they may take half a second each to merge."""

import ctypes

import imagecodecs
import numpy as np
import pytest

from app.imaging import codec
from app.imaging.formats.jxl.bits import Writer
from app.imaging.formats.jxl.frames import LOW_RESOLUTION, REFERENCE, REGULAR, SKIP_PROGRESSIVE
from app.imaging.formats.jxl.header import GREY, Colours, Head, write_head
from app.imaging.formats.jxl.libjxl import libjxl
from app.imaging.formats.jxl.profile import write_profile
from app.imaging.formats.jxl.reader import read_header
from app.imaging.picture import UnreadableImage, UnsupportedImage

ONES = bytes.fromhex("4b188b15c25038010000000000000000")
"""The pixels of a layer as libjxl writes them: 8 x 8, all of value 1."""
SIDE = ((0, 8), (256, 11), (2304, 14), (18_688, 30))
SECTION = ((0, 10), (1024, 14), (17_408, 22), (4_211_712, 30))


def layer(*, last=False, kind=REGULAR, side=8, shuffled=False):
    """ISO/IEC 18181-1, annex F: ONES, added to the corner of the frame below."""
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


def progressive(pixels, **settings):
    """RGB as libjxl writes it to be shown while it arrives; the settings are numbers to it."""
    library, room = libjxl(), 1 << 20
    assert library
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.JxlEncoderCreate.restype = library.JxlEncoderFrameSettingsCreate.restype = pointer
    encoder = pointer(library.JxlEncoderCreate(None))
    info, colours = ((ctypes.c_uint32 * 256)() for _ in range(2))
    library.JxlEncoderInitBasicInfo(info)
    info[2], info[1], *_ = pixels.shape
    library.JxlEncoderSetBasicInfo(encoder, info)
    library.JxlColorEncodingSetToSRGB(colours, 0)
    library.JxlEncoderSetColorEncoding(encoder, colours)
    frame = pointer(library.JxlEncoderFrameSettingsCreate(encoder, None))
    for name, value in settings.items():
        assert not library.JxlEncoderFrameSettingsSetOption(frame, SETTINGS[name], number(value))
    form = (ctypes.c_uint64 * 3)(3 | UINT8 << 32)  # three channels, in the order of this machine
    given = pixels.tobytes()
    library.JxlEncoderAddImageFrame(frame, form, given, ctypes.c_size_t(len(given)))
    library.JxlEncoderCloseInput(encoder)
    written = ctypes.create_string_buffer(room)
    following, left = pointer(ctypes.addressof(written)), ctypes.c_size_t(room)
    assert not library.JxlEncoderProcessOutput(encoder, ctypes.byref(following), ctypes.byref(left))
    library.JxlEncoderDestroy(encoder)
    return written.raw[: room - left.value]


SETTINGS = {"from_the_centre": 13, "passes": 17, "small_first": 19}
UINT8 = 2
KINDS = [
    {"kind": kind, "shuffled": shuffled}
    for kind in (REGULAR, SKIP_PROGRESSIVE)
    for shuffled in (False, True)
]


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
    """Patches of text, and a preview that is shown before the rest arrives."""
    assert read_header(layered(4000, 200, kind=kind)).width == 4000
    pixels = codec.decode(layered(64, 3, kind=kind), max_pixels=4096).pixels
    assert pixels.sum() == 64


@pytest.mark.parametrize("small_first", [0, 1, 2])
@pytest.mark.parametrize("passes", [0, 1])
@pytest.mark.parametrize("from_the_centre", [0, 1])
def test_images_that_are_shown_while_they_arrive_are_read(small_first, passes, from_the_centre):
    """With a smaller one first, the sections of each in an order of their own."""
    ramp = np.add.outer(np.arange(300), np.arange(600)).astype(np.uint16)
    pixels = np.stack([ramp // 4, ramp // 5, 255 - ramp // 4], -1).astype(np.uint8)
    file = progressive(
        pixels, small_first=small_first, passes=passes, from_the_centre=from_the_centre
    )
    found = codec.decode(file, max_pixels=pixels.size).pixels
    assert np.abs(found.astype(int) - pixels).mean() < 2


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


def test_where_libjxl_is_hidden_layers_are_counted_as_far_as_that_goes(monkeypatch):
    monkeypatch.setattr("app.imaging.formats.jxl.frames.libjxl", lambda: None)
    with pytest.raises(UnsupportedImage, match="layers"):
        read_header(layered(16, 2000))
    assert read_header(layered(16, 2000, shuffled=True)).width == 16
    assert read_header(_behind_profile(16) + layer() * 2000).width == 16
