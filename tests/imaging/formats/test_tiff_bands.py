"""Pages of many channels, such as satellites': frames within, one page without."""

import io

import numpy as np
import pytest
import tifffile

from app.imaging import codec
from app.imaging.changes import stripped
from app.imaging.formats.tiff.layout import MAX_BANDS
from app.imaging.orientation import orient
from app.imaging.picture import (
    Change,
    Format,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.range import Range
from app.imaging.stack import Stack
from app.imaging.view import view_of
from tests.fidelity.files import by_tifffile
from tests.imaging.formats.decoding import decoded

OPAQUE, UNSTATED = 2, 0
PLANES = np.random.default_rng(0).integers(0, 100, (9, 7, 6))


def saved(channels, dtype="u2", **options):
    samples = PLANES[..., :channels].astype(dtype)
    return samples, by_tifffile(samples, **{"planarconfig": "contig"} | options)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "f4", "f8"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize(
    ("photometric", "channels", "meant"),
    [
        ("minisblack", 3, [UNSTATED] * 2),
        ("minisblack", 6, [UNSTATED] * 5),
        ("minisblack", 4, [UNSTATED, UNSTATED, OPAQUE]),
        ("rgb", 5, [OPAQUE, UNSTATED]),
        ("rgb", 6, [UNSTATED, OPAQUE, UNSTATED]),
    ],
)
def test_bands_come_back_in_their_page(photometric, channels, meant, dtype, tile):
    samples, data = saved(channels, dtype, photometric=photometric, extrasamples=meant, tile=tile)
    picture = decoded(data)
    bands = channels - meant.count(OPAQUE)
    assert picture.stack == Stack(bands, channels=bands)
    encoded = codec.encode(picture)
    assert encoded.changes == set()
    with tifffile.TiffFile(io.BytesIO(encoded.data)) as file:
        (page,) = file.pages
        assert page.photometric.name.lower() == photometric
        assert list(page.extrasamples) == meant
        np.testing.assert_array_equal(page.asarray(), samples, strict=True)


def test_planes_apart_become_one():
    samples, _ = saved(5)
    planes = np.ascontiguousarray(np.moveaxis(samples, -1, 0))
    data = by_tifffile(planes, photometric="minisblack", planarconfig="separate")
    found = tifffile.imread(io.BytesIO(codec.encode(decoded(data)).data))
    np.testing.assert_array_equal(found, samples)


def test_alpha_is_that_of_all_bands():
    samples, data = saved(5, photometric="rgb", extrasamples=[OPAQUE, UNSTATED])
    picture = decoded(data)
    np.testing.assert_array_equal(picture.alpha, np.tile(samples[..., 3], (4, 1)))
    np.testing.assert_array_equal(picture.pixels[-9:, :, 0], samples[..., 4])
    alone = codec.encode(stripped(picture)).data
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(alone)), samples)


def test_each_band_has_a_range_of_its_own():
    samples, _ = saved(3)
    samples = samples * np.array([1, 40, 600], np.uint16)
    data = by_tifffile(samples, photometric="minisblack", planarconfig="contig")
    ranges = view_of(decoded(data)).channels
    tops = [each.high for each in ranges if isinstance(each, Range)]
    assert tops == [samples[..., 0].max(), samples[..., 1].max(), 65_535]


def test_bands_are_turned_upright():
    turned = [(274, 3, 1, 6, True)]
    samples, data = saved(5, photometric="minisblack", extratags=turned)
    encoded = codec.encode(decoded(data))
    assert encoded.changes == {Change.ORIENTATION}
    found = tifffile.imread(io.BytesIO(encoded.data))
    np.testing.assert_array_equal(found, orient(samples, 6))


def test_other_formats_do_not_hold_them():
    _, data = saved(5, photometric="minisblack")
    with pytest.raises(UnsuitableFormat, match="5 channels; ask for tiff"):
        codec.encode(decoded(data), Format.PNG)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"photometric": "rgb", "extrasamples": [1, 0]}, "multiplied"),
        ({"photometric": "rgb", "extrasamples": [OPAQUE, OPAQUE]}, "several alpha"),
        ({"photometric": "separated", "extrasamples": [0]}, None),
    ],
)
def test_what_cannot_be_kept_is_refused(options, words):
    _, data = saved(5, "u1", **options)
    if words is None:  # inks and one channel more
        assert decoded(data).extra is not None
        return
    with pytest.raises(UnsupportedImage, match=words):
        decoded(data)


def test_pages_of_many_channels_and_too_many_channels_are_refused():
    _, data = saved(5, photometric="minisblack")
    samples = np.stack([PLANES[..., :5].astype("u2")] * 2)
    several = by_tifffile(samples, photometric="minisblack", planarconfig="contig")
    with pytest.raises(UnsupportedImage, match="more than four channels"):
        decoded(several)
    wide = np.zeros((2, 2, MAX_BANDS + 1), np.uint8)
    with pytest.raises(UnsupportedImage, match=f"more than {MAX_BANDS} channels"):
        decoded(by_tifffile(wide, photometric="minisblack", planarconfig="contig"))
    assert decoded(data).stack.frames == 5


def test_bands_count_as_pixels():
    _, data = saved(5, photometric="minisblack")
    with pytest.raises(TooManyPixels):
        codec.decode(data, max_pixels=4 * 9 * 7)
    with pytest.raises(UnreadableImage):
        codec.decode(data[:-9], max_pixels=10**5)
