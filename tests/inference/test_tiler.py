from dataclasses import replace

import pytest

from app.imaging.orientation import ENSEMBLES
from app.imaging.stack import STILL, Stack
from app.inference.tiler import Tiler

TILER = Tiler(halo=16, stride=8, most=1 << 16)


@pytest.mark.parametrize(
    ("height", "width", "stack", "axes", "ensemble"),
    [
        (300, 500, STILL, (0,), 1),
        (40, 700, Stack(48), (0, 1, 2), 8),
        (90, 60, Stack(12, 3), (0,), 2),
    ],
)
def test_what_a_plan_has_is_known_without_making_it(height, width, stack, axes, ensemble):
    tiles = TILER.plan(height, width, stack, axes, ensemble)
    assert TILER.count(height, width, stack, axes, ensemble) == len(tiles)
    assert TILER.cost(height, width, stack, axes, ensemble) == sum(tile.size for tile in tiles)
    assert max(tile.size for tile in tiles) <= TILER.most


def test_every_plane_is_cut_along_every_axis():
    tiles = TILER.plan(40, 50, Stack(2 * 60, 2), (0, 1, 2))
    planes = {axis: {tile.plane for tile in tiles if tile.axis == axis} for axis in range(3)}
    assert planes == {0: set(range(120)), 1: set(range(80)), 2: set(range(100))}
    cut = {
        axis: {(t.rows.core_stop, t.columns.core_stop) for t in tiles if t.axis == axis}
        for axis in range(3)
    }
    assert cut == {0: {(40, 50)}, 1: {(60, 50)}, 2: {(60, 40)}}


def test_the_orientations_of_a_tile_follow_one_another():
    upright = TILER.plan(300, 500)
    found = TILER.plan(300, 500, ensemble=8)
    assert found == [
        replace(tile, orientation=orientation) for tile in upright for orientation in ENSEMBLES[8]
    ]
    height, width = upright[0].shape
    assert height != width
    assert {tile.shape for tile in found} == {(height, width), (width, height)}
