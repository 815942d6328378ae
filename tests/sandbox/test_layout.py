import gc
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.picture import Change, Format, Header, Metadata
from app.imaging.stack import Stack
from app.sandbox.layout import (
    TYPES,
    Layout,
    pack,
    parsed_header,
    samples_alone,
    to_message,
    unpack,
    view,
    write,
)
from app.sandbox.shared import Region
from tests.sandbox.conftest import METADATA, picture

BYTES = st.binary(max_size=20)
PARTS = st.lists(BYTES, max_size=3).map(tuple)
METADATAS = st.builds(
    Metadata,
    icc=st.none() | BYTES,
    exif=st.none() | BYTES,
    xmp=st.none() | BYTES,
    dpi=st.none() | st.tuples(st.floats(1, 9999), st.floats(1, 9999)),
    colour=PARTS,
    native=PARTS,
    lossless=st.booleans(),
)


@given(METADATAS)
def test_metadata_comes_back(metadata):
    assert unpack(pack(metadata)) == metadata


def test_nothing_of_it_is_kept_until_garbage_is_collected():
    gc.collect()
    gc.disable()
    try:
        unpack(pack(METADATA))
        assert gc.collect() == 0
    finally:
        gc.enable()


def placed(given):
    packed = pack(given.metadata)
    layout = Layout.parse(json.loads(json.dumps(to_message(Layout.of(given, packed)))))
    region = Region(layout.nbytes)
    write(given, packed, region)
    return region, layout


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_picture_comes_back(dtype, channels, alpha):
    changes = frozenset({Change.DEPTH, Change.ALPHA})
    more = {"format": Format.TIFF, "metadata": METADATA, "changes": changes}
    given = picture(3, 5, channels, dtype, alpha, **more)
    found = view(*placed(given))
    np.testing.assert_array_equal(found.pixels, given.pixels, strict=True)
    assert (found.alpha is None) is not alpha
    if alpha:
        np.testing.assert_array_equal(found.alpha, given.alpha, strict=True)
    assert (found.format, found.metadata, found.changes) == (Format.TIFF, METADATA, changes)


def test_the_service_sees_samples_and_nothing_that_is_to_be_parsed():
    kept = Metadata(lossless=True, linear=True, negative=255.0, no_data=0.0)
    given = picture(alpha=True, format=Format.WEBP, metadata=replace(kept, icc=b"x"))
    region, layout = placed(given)
    region.view[layout.nbytes - layout.metadata :] = b"\xff" * layout.metadata
    found = samples_alone(region, layout)
    np.testing.assert_array_equal(found.pixels, given.pixels)
    np.testing.assert_array_equal(found.alpha, given.alpha)
    assert (found.format, found.metadata) == (Format.WEBP, kept)


def test_so_do_the_frames_of_a_stack():
    stack = Stack(4, 2, (2.0, 1.0, 0.5), 2, 1)
    given = replace(picture(12, 5), stack=stack, modality="MR")
    found = view(*placed(given))
    assert (found.stack, found.height, found.width) == (stack, 3, 5)
    assert found.modality == "MR"
    np.testing.assert_array_equal(found.pixels, given.pixels)
    assert samples_alone(*placed(given)).stack == stack


@pytest.mark.parametrize("dtype", TYPES)
def test_so_does_one_with_a_channel_of_no_stated_meaning(dtype):
    given = replace(picture(3, 5), extra=np.arange(15, dtype=dtype).reshape(3, 5))
    given = replace(given, pixels=given.pixels.astype(dtype))
    region, layout = placed(given)
    found = view(region, layout)
    np.testing.assert_array_equal(found.extra, given.extra, strict=True)
    np.testing.assert_array_equal(found.pixels, given.pixels, strict=True)
    assert layout.working_bytes == given.pixels.nbytes + given.extra.nbytes


def arranged(message, **wrong):
    """Changes of a message to a stack with one wrong value each."""
    return [{"stack": message["stack"] | {name: value}} for name in wrong for value in wrong[name]]


GOOD = to_message(Layout.of(picture(), b""))


@pytest.mark.parametrize(
    "wrong",
    [
        *({"height": value} for value in (0, -1, 1.5, "1", None, True)),
        *arranged(GOOD, frames=(0, 1.0, "1", 1 << 30), volumes=(0, 2), channels=(0, 2, "1")),
        *arranged(GOOD, run=(0, 2, 1.0), spacing=("abc", [1], 1.0)),
        *({"stack": value} for value in (None, 1, "1")),
        *({"metadata": value} for value in (-1, 0.5)),
        *({"channels": value} for value in (0, 2, 4, "3")),
        {"dtype": "object"},
        {"format": "exe"},
        {"changes": None},
        *({"no_data": value} for value in ("1", 1, -1.0, 256.0, math.nan, math.inf)),
        {"dtype": "float32", "no_data": math.nan},
        *({"modality": value} for value in (None, 1, "mr", "M R", "MR\n")),
        {"more": 1},
    ],
)
def test_what_is_no_layout_is_refused(wrong):
    assert Layout.parse(GOOD)
    with pytest.raises(ValueError):  # noqa: PT011
        Layout.parse(GOOD | wrong)
    with pytest.raises(ValueError):  # noqa: PT011
        Layout.parse([GOOD])


HEADER = Header("nifti", 5, 4, Stack(6, 2, (1.0, 1.0, 2.0), channels=3), modality="MR")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"width": value} for value in (1.5, "1", None, True, -1)),
        *({name: -6} for name in ("height", "pixel_bytes", "more_bytes", "segments")),
        *arranged(to_message(HEADER), frames=(-6,), volumes=(0, -1, 4), run=(0, -1, 3, None)),
        *arranged(to_message(HEADER), channels=(0, -1, 4, "2", 2.0), spacing=("abc", [1], 1.0)),
        *({"stack": value} for value in (None, 1, "1")),
        {"pixel_bytes": "16"},
        *({"modality": value} for value in (None, 1, "mr", "M R", "MR\n")),
        {"more": 1},
    ],
)
def test_what_is_no_header_is_refused(wrong):
    message = json.loads(json.dumps(to_message(HEADER)))
    assert parsed_header(message) == HEADER
    with pytest.raises(ValueError):  # noqa: PT011
        parsed_header(message | wrong)
