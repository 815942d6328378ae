import threading

import numpy as np
import pytest

from app.imaging.picture import Picture
from app.imaging.range import Range
from app.imaging.stack import Stack
from app.inference.batcher import Limits, Overloaded
from app.inference.correction import Correction
from app.inference.denoiser import Denoiser
from app.inference.store import read_packages
from app.settings import Settings

SIZE = 33, 40, 36  # slices, rows, columns


class Recorder:
    """A network that halves what it is given, and remembers the shapes."""

    def __init__(self):
        self.shapes = set()
        self.seen = []

    def __call__(self, tiles):
        self.shapes.add(tiles.shape[1:3])
        self.seen.extend(tiles)
        return (tiles / 2).astype(tiles.dtype)


@pytest.fixture
def start():
    started = []

    def make(forward, **limits):
        card = read_packages(Settings().models_dir)["unet"].card
        started.append(Denoiser(forward, card, Limits(**limits)))
        return started[-1]

    yield make
    for denoiser in started:
        denoiser.close(10)


def volume(dtype=np.uint16, volumes=1, spacing=None):
    frames, rows, columns = SIZE[0] * volumes, *SIZE[1:]
    pixels = np.random.default_rng(1).integers(0, 200, (frames * rows, columns, 1)).astype(dtype)
    return Picture(pixels, stack=Stack(frames, volumes, spacing))


@pytest.mark.parametrize("axes", ["1", "3"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("volumes", [1, 2])
def test_every_voxel_is_worked_on_along_all_axes(start, axes, dtype, volumes):
    picture = volume(dtype, volumes)
    network = Recorder()
    found = start(network).submit(picture, Correction(axes=axes, range=Range(0, 255))).result(60)
    tolerance = 0 if np.dtype(dtype).kind == "f" else 0.5
    tolerance = 1.0 if axes == "1" and dtype == np.uint8 else tolerance + 1e-4
    np.testing.assert_allclose(found.picture.pixels, picture.pixels / 2, rtol=0, atol=tolerance)
    assert found.picture.stack == picture.stack
    count = {"1": SIZE[0], "3": sum(SIZE)}[axes]
    assert len(network.seen) == volumes * count


def test_planes_along_the_other_axes_are_those_of_the_volume(start):
    picture, network = volume(np.float32), Recorder()
    start(network).submit(picture, Correction(axes="3", range=Range(0, 1000))).result(60)
    voxels = picture.pixels.reshape(SIZE) / np.float32(1000)
    planes = [plane for axis in range(3) for plane in np.moveaxis(voxels, axis, 0)]
    seen = {plane.tobytes() for plane in planes}
    height = width = 0
    for tile in network.seen:
        for height, width in (SIZE[1:], SIZE[::2], SIZE[:2]):
            seen.discard(np.ascontiguousarray(tile[:height, :width, 0]).tobytes())
    assert (height, width) == SIZE[:2]
    assert not seen


def test_thick_slices_are_kept_whole(start):
    network = Recorder()
    start(network).submit(volume(spacing=(1.0, 1.0, 5.0))).result(60)
    assert len(network.seen) == SIZE[2]


def test_frames_do_not_see_each_other(start):
    alone, network = Recorder(), Recorder()
    picture = volume(np.uint8)
    start(network).submit(picture).result(60)
    first = Picture(picture.pixels[: SIZE[1]])
    start(alone).submit(first).result(60)
    np.testing.assert_array_equal(network.seen[0], alone.seen[0])


def test_all_planes_count_in_the_queue(start):
    network, held = Recorder(), threading.Event()
    denoiser = start(lambda tiles: held.wait(60) and network(tiles), queue_pixels=1)
    tiles = denoiser.tiler.plan(*SIZE[1:], Stack(SIZE[0]), (0, 1, 2))
    assert len(tiles) == sum(SIZE)
    first = denoiser.submit(volume(), Correction(axes="3"))
    with pytest.raises(Overloaded):
        denoiser.submit(volume(), Correction(axes="3"))
    held.set()
    assert first.result(60).picture.stack.frames == SIZE[0]
