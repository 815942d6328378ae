"""Images that are processed in several orientations."""

import random
import threading
from dataclasses import replace

import numpy as np
import pytest

from app.imaging.orientation import ENSEMBLES
from app.imaging.picture import Picture
from app.imaging.range import Range
from app.imaging.scale import from_unit, to_unit, white
from app.imaging.stack import Stack
from app.imaging.tiling import plan
from app.inference.batcher import Limits, Overloaded
from app.inference.canvas import Ensemble, Mean, Planes
from app.inference.correction import Correction
from app.inference.denoiser import Denoiser
from app.inference.store import read_packages
from app.inference.tiler import Tiler
from app.settings import Settings

SIZES = [2, 4, 8]


def lopsided(unit):
    """Make of each pixel something else for each way in which the image is turned or mirrored."""
    return 0.5 * unit + 0.3 * np.roll(unit, 1, 1) + 0.1 * np.roll(unit, (2, 1), (1, 2))


def squared(unit):
    """Make the same of each pixel however the image lies."""
    return unit**2


def network(function):
    """A network that applies the function on the [0, 1] scale, as engines do."""
    return lambda tiles: from_unit(function(to_unit(tiles)), tiles.dtype)


def mean_by_definition(unit, function, size):
    """The mean of what the function makes of [rows, columns, channels], turned by NumPy."""
    quarters = {2: (0, 2), 4: range(4), 8: range(4)}[size]
    found = [np.rot90(function(np.rot90(unit, k)[None])[0], -k) for k in quarters]
    if size == 8:
        mirrored = unit[:, ::-1]
        found += [np.rot90(function(np.rot90(mirrored, k)[None])[0], -k)[:, ::-1] for k in quarters]
    return np.mean(found, 0, np.float64)


@pytest.fixture
def start():
    started = []

    def make(forward, changes=(), **limits):
        card = read_packages(Settings().models_dir)["unet"].card.model_copy(update=dict(changes))
        started.append(Denoiser(forward, card, Limits(**limits)))
        return started[-1]

    yield make
    for denoiser in started:
        denoiser.close(10)


def noise(*shape, dtype=np.float32):
    pixels = np.random.default_rng(1).random(shape)
    return from_unit(pixels, np.dtype(dtype))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_it_is_the_mean_of_the_results_turned_back(start, size, dtype):
    pixels = noise(64, 128, 3, dtype=dtype)  # one tile, without a margin
    found = start(network(lopsided)).submit(Picture(pixels), Correction(ensemble=size)).result(60)
    expected = white(pixels.dtype) * mean_by_definition(to_unit(pixels), lopsided, size)
    tolerance = 1e-6 if dtype == np.float32 else 0.51
    np.testing.assert_allclose(found.picture.pixels, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_network_to_which_the_orientation_is_all_the_same_gains_nothing(start, size, dtype):
    denoiser = start(network(squared))
    picture = Picture(noise(70, 90, 1, dtype=dtype))
    alone = denoiser.submit(picture).result(60).picture.pixels
    found = denoiser.submit(picture, Correction(ensemble=size)).result(60)
    np.testing.assert_allclose(found.picture.pixels, alone, rtol=0, atol=1e-7)
    assert f"ensemble of {size}" in found.made


def test_tiles_give_the_same_as_the_whole_in_the_phase_of_the_stride(start):
    def phased(unit):
        """Set apart what a network sees that reduces its input by 8."""
        changed = lopsided(unit)
        changed[:, ::8, ::8] /= 2
        return changed

    picture = Picture(noise(640, 704, 1))
    seen = []

    def watched(tiles):
        seen.append(tiles.shape[1:3])
        return phased(tiles)

    stride = {"stride": 8}
    whole = start(phased, stride).submit(picture, Correction(ensemble=8)).result(60).picture.pixels
    small = stride | {"floats_per_pixel": 1000.0}
    tiled = start(watched, small).submit(picture, Correction(ensemble=8))
    inside = np.s_[2:-2, 2:-2]  # beyond the edge of a tile, the function sees its other edge
    np.testing.assert_allclose(tiled.result(60).picture.pixels[inside], whole[inside], atol=1e-6)
    assert len(seen) > 8
    assert max(height * width for height, width in seen) < picture.size


@pytest.mark.parametrize("size", SIZES)
def test_a_volume_is_the_mean_along_its_axes_of_the_means_of_orientations(start, size):
    voxels = noise(64, 64, 64)
    picture = Picture(voxels.reshape(64 * 64, 64, 1), stack=Stack(64))
    correction = Correction(axes="3", ensemble=size, range=Range(0, 1))
    submitted = start(lopsided).submit(picture, correction)
    expected = np.zeros(voxels.shape)
    for axis in range(3):
        planes = [
            mean_by_definition(plane[..., None], lopsided, size)[..., 0]
            for plane in np.moveaxis(voxels, axis, 0)
        ]
        expected += np.moveaxis(np.stack(planes), 0, axis) / 3
    found = submitted.result(60).picture.pixels.reshape(voxels.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_every_orientation_counts_in_time_tiles_and_the_queue(start):
    held = threading.Event()
    denoiser = start(lambda tiles: held.wait(60) and tiles, queue_pixels=9 * 256 * 256)
    for stack, axes in ((Stack(), "auto"), (Stack(64), "3")):
        one, eight = (denoiser.count(256, 256, stack, axes, size) for size in (1, 8))
        assert eight == 8 * one
        one, eight = (denoiser.tiler.cost(256, 256, stack, (0,), size) for size in (1, 8))
        assert eight == 8 * one
    picture = Picture(noise(256, 256, 1))
    first = denoiser.submit(picture, Correction(ensemble=8))
    assert denoiser.queued_pixels == 8 * 256 * 256
    with pytest.raises(Overloaded):
        denoiser.submit(picture, Correction(ensemble=2))
    denoiser.submit(picture)
    held.set()
    first.result(60)
    timed = [denoiser.seconds_for(256, 256, ensemble=size) for size in (1, 8)]
    assert timed[1] == pytest.approx(8 * timed[0])


def test_the_remaining_tiles_of_a_cancelled_request_are_skipped(start):
    entered, held, seen = threading.Event(), threading.Event(), []

    def forward(tiles):
        seen.append(len(tiles))
        entered.set()
        assert held.wait(60)
        return tiles

    denoiser = start(forward, batch_pixels=64 * 64)
    first = denoiser.submit(Picture(noise(64, 64, 1)), Correction(ensemble=8))
    assert entered.wait(60)
    assert first.cancel()
    held.set()
    denoiser.submit(Picture(noise(64, 64, 1))).result(60)
    denoiser.close(60)
    assert denoiser.queued_pixels == 0
    assert sum(seen) <= 3  # one in each lane, and the other image


@pytest.mark.parametrize("axes", [(0,), (0, 1, 2)])
def test_the_order_of_the_results_makes_no_difference(axes):
    pixels, stack = noise(40 * 40, 40, 1), Stack(40)
    tiles = Tiler(halo=0, stride=8, most=1 << 20).plan(40, 40, stack, axes, 8)
    made = {tile: lopsided(pixels[None, :40])[0] for tile in tiles}
    for number, tile in enumerate(tiles):
        made[tile] = np.roll(noise(64, 64, 1), number, 0)
    results = []
    for seed in (1, 2):
        result = np.zeros_like(pixels)
        inner = (
            Planes(pixels, result, Range(0, 1), stack)
            if len(axes) == 1
            else Mean(pixels, result, Range(0, 1), stack, axes)
        )
        canvas = Ensemble(inner, 8)
        for tile in random.Random(seed).sample(tiles, len(tiles)):
            canvas.stitch(tile, made[tile])
        canvas.finish()
        results.append(result)
    np.testing.assert_array_equal(*results)


def test_a_tile_is_in_the_result_as_soon_as_its_orientations_are_done():
    pixels = noise(300, 500, 3)
    result = np.zeros_like(pixels)
    canvas = Ensemble(Planes(pixels, result, Range(0, 1)), 2)
    for tile in plan(300, 500, halo=16, stride=8, most=1 << 14):
        part = np.s_[tile.rows.core, tile.columns.core]
        for orientation in ENSEMBLES[2]:
            assert (result[part] == 0).all()
            turned = replace(tile, orientation=orientation)
            canvas.stitch(turned, canvas.cut(turned))
        np.testing.assert_allclose(result[part], pixels[part], rtol=0, atol=1e-8)
