import asyncio
import time
import weakref

import numpy as np
import pytest

from app.imaging.blend import FULL, Strength
from app.imaging.estimate import NOISE_FOUND
from app.imaging.noise import add_noise
from app.imaging.picture import Format, Metadata, Picture
from app.imaging.range import Range
from app.imaging.stack import Stack
from app.inference.batcher import Draining, Limits
from app.inference.correction import Correction
from app.inference.denoiser import Denoiser
from app.inference.store import BadModelPackage, read_packages
from app.inference.tiler import BATCH_FLOATS


@pytest.fixture(scope="module")
def denoiser(models):
    denoiser = Denoiser.load(read_packages(models)["blur"], precision="float32")
    yield denoiser
    denoiser.close()


def noisy_picture(height, width, channels=3, dtype=np.uint8, alpha=False):
    random = np.random.default_rng(0)
    white = np.iinfo(dtype).max
    pixels = random.integers(0, white, (height, width, channels)).astype(dtype)
    plane = random.integers(0, white, (height, width)).astype(dtype) if alpha else None
    return Picture(pixels, alpha=plane, format=Format.PNG)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (7, 3), (255, 257), (1600, 1200)])
def test_any_size_comes_back_in_its_own_size(denoiser, size):
    picture = noisy_picture(*size)
    result = denoiser.submit(picture).result(60).picture
    assert result.pixels.shape == picture.pixels.shape


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_type_channels_alpha_and_format_are_kept(denoiser, channels, dtype):
    picture = noisy_picture(40, 50, channels, dtype, alpha=True)
    result = denoiser.submit(picture).result(60).picture
    assert result.pixels.dtype == dtype
    assert result.channels == channels
    assert result.alpha is picture.alpha
    assert result.format is picture.format
    assert result.pixels.std() < picture.pixels.std()


def test_nothing_of_a_picture_is_kept_once_it_is_answered(denoiser):
    picture = noisy_picture(30, 40)
    kept = [weakref.ref(denoiser.submit(picture).result(60).restored), weakref.ref(picture.pixels)]
    del picture
    deadline = time.monotonic() + 20
    while any(reference() for reference in kept):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    "layer",
    [{"filters": 1, "padding": "same"}, {"filters": 3}, {"filters": 5, "padding": "same"}],
    ids=str,
)
def test_a_network_that_changes_a_pictures_shape_is_refused(make_package, layer):
    import keras

    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.Conv2D(kernel_size=3, **layer)(image))
    folder = make_package("odd", model).parent
    with pytest.raises(BadModelPackage, match="the network makes"):
        Denoiser.load(read_packages(folder)["odd"], precision="float32")


def test_tiles_give_the_same_pixels_as_the_whole(denoiser):
    picture = noisy_picture(1100, 1300)
    tiled = denoiser.submit(picture).result(60).picture.pixels.astype(int)
    padded = np.pad(picture.pixels.astype(float), ((1, 1), (1, 1), (0, 0)))
    whole = sum(padded[i : i + 1100, j : j + 1300] for i in range(3) for j in range(3)) / 9
    inside = np.abs(tiled - whole)[1:-1, 1:-1]
    assert inside.max() <= 0.5 + 1e-3


def test_a_network_of_wide_layers_never_sees_much_at_once(models):
    card = read_packages(models)["blur"].card.model_copy(update={"floats_per_pixel": 1000.0})
    seen = []

    def forward(tiles):
        seen.append(tiles.size // 3)
        return tiles

    denoiser = Denoiser(forward, card, Limits(batch_pixels=1 << 20))
    pictures = [noisy_picture(600, 700), *(noisy_picture(128, 128) for _ in range(16))]
    for future in [denoiser.submit(picture) for picture in pictures]:
        future.result(60)
    denoiser.close()
    assert max(seen) * card.floats_per_pixel <= BATCH_FLOATS


@pytest.mark.parametrize("ensemble", [1, 4])
@pytest.mark.parametrize("transfer", ["perceptual", "linear"])
@pytest.mark.parametrize("run", [1, 2])
def test_each_channel_of_a_stack_is_denoised_as_by_itself(denoiser, run, transfer, ensemble):
    random = np.random.default_rng(0)
    bright, dim = (random.normal(level, level / 9, (4, 60, 50, 1)) for level in (40_000, 300))
    turns = np.stack([bright.reshape(4 // run, -1, 50, 1), dim.reshape(4 // run, -1, 50, 1)], 1)
    stack = Stack(8, channels=2, run=run)
    correction = Correction(transfer=transfer, ensemble=ensemble)

    def denoised(pixels, stack):
        picture = Picture(pixels.astype(np.uint16), format=Format.TIFF, stack=stack)
        return denoiser.submit(picture, correction).result(60)

    both = denoised(turns.reshape(-1, 50, 1), stack)
    alone = [denoised(each.reshape(-1, 50, 1), Stack(4)) for each in (bright, dim)]
    found = both.picture.pixels.reshape(turns.shape).swapaxes(0, 1).reshape(2, -1, 50, 1)
    for channel, single in zip(found, alone, strict=True):
        np.testing.assert_array_equal(channel, single.picture.pixels)
    assert both.range == alone[0].range
    assert both.sigma == pytest.approx(np.sqrt(np.mean([each.sigma**2 for each in alone])))


@pytest.mark.parametrize("strength", [Strength(0.5, 0.5), Strength(0.5, 0.9), FULL])
def test_grey_stored_as_colour_stays_grey(denoiser, strength):
    grey = noisy_picture(200, 70, channels=1)
    colour = Picture(np.repeat(grey.pixels, 3, axis=-1), format=Format.PNG)
    result = denoiser.submit(colour, Correction(strength)).result(60)
    alone = denoiser.submit(grey, Correction(strength)).result(60)
    assert result.picture.pixels.shape == (200, 70, 3)
    assert result.picture.pixels.flags.c_contiguous
    np.testing.assert_array_equal(result.picture.pixels, np.repeat(alone.picture.pixels, 3, -1))
    assert result.sigma == alone.sigma


def test_strength_blends_the_picture_and_the_result(denoiser):
    picture = noisy_picture(64, 64)
    full = denoiser.submit(picture).result(60).picture.pixels.astype(float)
    half = denoiser.submit(picture, Correction(Strength(0.5, 0.5))).result(60).picture.pixels
    none = denoiser.submit(picture, Correction(Strength(0.0, 0.0))).result(60).picture.pixels
    assert np.abs(half - (picture.pixels + full) / 2).max() <= 0.5 + 1e-3
    np.testing.assert_array_equal(none, picture.pixels)


def test_all_colour_noise_is_removed_while_some_grain_stays(denoiser):
    picture = noisy_picture(64, 64)
    full = denoiser.submit(picture).result(60).picture.pixels.astype(float)
    mixed = denoiser.submit(picture, Correction(Strength(0.5, 1.0))).result(60).picture.pixels
    luma = ((full - picture.pixels) @ [0.299, 0.587, 0.114])[..., None]
    wanted = np.clip(full - luma / 2, 0, 255)
    assert np.abs(mixed - wanted).max() <= 0.5 + 1e-3


def test_the_noise_found_does_not_depend_on_the_strength(denoiser):
    flat = np.full((128, 128, 3), 128, np.uint8)
    picture = Picture(add_noise(flat, 0.1, seed=0), format=Format.PNG)
    shares = (Strength(0.0, 0.0), Strength(0.5, 1.0), FULL)
    sigmas = [denoiser.submit(picture, Correction(s)).result(60).sigma for s in shares]
    assert sigmas[0] == sigmas[1] == sigmas[2]
    assert sigmas[0] == pytest.approx(0.1 * np.sqrt(8 / 9) / NOISE_FOUND, rel=0.05)


def test_many_at_once_from_an_event_loop(denoiser):
    async def post_all():
        pictures = [noisy_picture(30 + i, 40) for i in range(20)]
        return await asyncio.gather(*(denoiser.denoise(picture) for picture in pictures))

    results = asyncio.run(post_all())
    assert [result.picture.height for result in results] == list(range(30, 50))
    assert all(result.timing.infer > 0 for result in results)
    assert denoiser.queued_pixels >= 0
    assert denoiser.stats.batches > 0


def test_a_closed_denoiser_takes_no_more(models):
    denoiser = Denoiser.load(read_packages(models)["blur"], precision="float32")
    denoiser.close()
    with pytest.raises(Draining):
        denoiser.submit(noisy_picture(8, 8))


def test_a_package_without_a_usable_model_is_named(make_package, tmp_path):
    package = read_packages(make_package().parent)["blur"]
    package.path.write_bytes(b"changed since it was checked")
    with pytest.raises(BadModelPackage, match="cannot be loaded"):
        Denoiser.load(package, precision="float32")


def test_counts_that_fill_little_of_16_bits_are_worked_on_in_their_own_range(denoiser):
    counts = np.random.default_rng(0).integers(100, 800, (300, 200, 3)).astype(np.uint16)
    result = denoiser.submit(Picture(counts)).result(60)
    assert result.range == Range(100, 799)
    padded = np.pad(counts.astype(float), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    blurred = sum(padded[i : i + 300, j : j + 200] for i in range(3) for j in range(3)) / 9
    inside = np.abs(result.picture.pixels - blurred)[1:-1, 1:-1]
    assert inside.max() <= 0.5 + 1e-2
    wide = denoiser.submit(Picture(counts), Correction(range="full")).result(60)
    assert wide.range == Range(0, 65_535)
    assert 0.2 < wide.sigma * 65_535 / (result.sigma * 699) < 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float32])
@pytest.mark.parametrize("size", [(1, 1), (96, 96), (5, 300)])
def test_a_flat_picture_comes_back_as_it_was(denoiser, dtype, size):
    pixels = np.full((*size, 3), (100, 7, 0), dtype)
    result = denoiser.submit(Picture(pixels)).result(60)
    assert result.sigma == 0
    np.testing.assert_array_equal(result.picture.pixels, pixels)


def test_flat_areas_are_unchanged(denoiser):
    """The network blurs with zeros beyond the borders: all along them it is off."""
    pixels = np.full((90, 131, 3), (250, 40, 0), np.uint8)
    pixels[32:64, 32:64] = np.random.default_rng(0).integers(0, 255, (32, 32, 3))
    found = denoiser.submit(Picture(pixels)).result(60).picture.pixels
    changed = (found != pixels).any(axis=-1)
    assert changed[32:64, 32:64].mean() > 0.9
    changed[24:72, 24:72] = False
    assert not changed.any()


def test_samples_that_are_not_finite_affect_no_others(denoiser):
    pixels = np.random.default_rng(0).normal(1000, 50, (60, 70, 3)).astype(np.float32)
    whole = denoiser.submit(Picture(pixels)).result(60).picture.pixels
    holed = pixels.copy()
    holed[30, 40] = np.nan
    holed[10, 10, 1], holed[50, 5, 2] = np.inf, -np.inf
    found = denoiser.submit(Picture(holed)).result(60).picture.pixels
    bad = ~np.isfinite(holed)
    np.testing.assert_array_equal(found[bad], holed[bad])
    assert np.isfinite(found[~bad]).all()
    assert np.abs(found - whole)[~bad].max() < 50


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_hidden_pixels_affect_no_others_and_are_kept(denoiser, dtype):
    picture = noisy_picture(90, 80, 3, dtype)
    alpha = np.full((90, 80), np.iinfo(dtype).max, dtype)
    alpha[20:60, 30:70] = 0
    results = []
    for colour in ((0, 0, 0), (0, 200, 0), (255, 9, 40)):
        pixels = picture.pixels.copy()
        pixels[alpha == 0] = colour
        result = denoiser.submit(Picture(pixels, alpha)).result(60).picture
        np.testing.assert_array_equal(result.pixels[alpha == 0], pixels[alpha == 0])
        results.append(result.pixels[alpha > 0])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pixels_stated_to_have_no_data_affect_no_others_and_are_kept(denoiser, dtype):
    pixels = noisy_picture(90, 80, 3, dtype).pixels // 2 + 20
    results = []
    for number in (0, 250):
        pixels[20:60, 30:70] = number
        given = Picture(pixels, metadata=Metadata(no_data=float(number)))
        found = denoiser.submit(given).result(60).picture.pixels.copy()
        assert (found[20:60, 30:70] == number).all()
        found[20:60, 30:70] = 0
        results.append(found)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("number", [0, 2, 255])
def test_no_pixel_becomes_the_number_for_no_data(denoiser, dtype, number):
    pixels = np.random.default_rng(0).choice([1, 3, 254], (90, 80, 1)).astype(dtype)
    pixels[20:60, 30:70] = number
    given = Picture(pixels, metadata=Metadata(no_data=float(number)))
    found = denoiser.submit(given).result(60).picture.pixels
    np.testing.assert_array_equal(found == number, pixels == number)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_further_channel_has_no_data_where_the_others_have_none(denoiser, dtype, channels):
    samples = noisy_picture(90, 80, 4).pixels.astype(dtype) // 2 + 20
    samples[20:60, 30:70], samples[70, 70, 3] = 0, 0
    pixels, extra = samples[..., :channels], samples[..., 3]
    given = Picture(pixels, extra=extra, metadata=Metadata(no_data=0.0))
    found = denoiser.submit(given).result(60).picture
    assert found.pixels.shape == pixels.shape
    for before, after in ((pixels, found.pixels), (extra, found.extra)):
        assert not after[20:60, 30:70].any()
        assert (after[:20] != before[:20]).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32, np.int32, np.float32])
def test_none_of_the_correction_gives_the_samples_back(denoiser, dtype):
    random = np.random.default_rng(0)
    pixels = random.normal(120, 20, (40, 50, 3)).astype(dtype)
    if dtype is np.float32:
        pixels[3, 4] = np.nan
    none = denoiser.submit(Picture(pixels), Correction(Strength(0, 0))).result(60).picture
    np.testing.assert_array_equal(none.pixels, pixels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("is_grey", [False, True])
def test_an_extra_channel_is_denoised_on_its_own(denoiser, channels, is_grey):
    picture = noisy_picture(60, 50, 1 if is_grey else channels)
    pixels = np.repeat(picture.pixels, channels, axis=-1) if is_grey else picture.pixels
    extra = noisy_picture(60, 50, 1).pixels[::-1, :, 0].copy()
    result = denoiser.submit(Picture(pixels, extra=extra)).result(60)
    alone = denoiser.submit(Picture(pixels)).result(60).picture.pixels
    other = denoiser.submit(Picture(extra[..., None])).result(60).picture.pixels
    np.testing.assert_array_equal(result.picture.pixels, alone)
    np.testing.assert_array_equal(result.picture.extra, other[..., 0])
    kept = denoiser.submit(Picture(pixels, extra=extra), Correction(Strength(0, 0))).result(60)
    np.testing.assert_array_equal(kept.picture.extra, extra)


def test_a_volume_is_reckoned_to_take_as_long_as_along_the_axes_that_it_will_go(denoiser):
    even, thick = Stack(64, 2, (1.0, 1.0, 1.0)), Stack(64, 2, (3.0, 1.0, 1.0))
    slices = denoiser.seconds_for(40, 40, thick)
    assert slices == pytest.approx(64 * denoiser.seconds_for(40, 40))
    assert denoiser.seconds_for(40, 40, even, "1") == pytest.approx(slices)
    # 64 planes of 40x40, and 80 of 32x40, in tiles half as large, along each of the other axes
    assert denoiser.seconds_for(40, 40, even) == pytest.approx(slices * (64 + 80) / 64)
    assert denoiser.seconds_for(40, 40, thick, "3") == denoiser.seconds_for(40, 40, even)
