import pytest

from app.imaging.stack import STILL, Stack
from app.inference.tiler import Tiler

TILER = Tiler(halo=16, stride=8, most=1 << 16)


@pytest.mark.parametrize(
    ("height", "width", "stack", "axes"),
    [(300, 500, STILL, (0,)), (40, 700, Stack(48), (0, 1, 2)), (90, 60, Stack(12, 3), (0,))],
)
def test_what_a_plan_has_is_known_without_making_it(height, width, stack, axes):
    tiles = TILER.plan(height, width, stack, axes)
    assert TILER.count(height, width, stack, axes) == len(tiles)
    assert TILER.cost(height, width, stack, axes) == sum(tile.size for tile in tiles)
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
