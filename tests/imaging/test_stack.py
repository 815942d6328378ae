import math

import pytest

from app.imaging.stack import MIN_SIDE, Stack, spacing_of

ALL = (0, 1, 2)


@pytest.mark.parametrize(
    ("spacing", "choice", "axes"),
    [
        (None, "auto", (0,)),
        (None, "1", (0,)),
        (None, "3", ALL),
        ((1.0, 1.0, 1.0), "auto", ALL),
        ((1.25, 1.0, 1.0), "auto", ALL),
        ((1.3, 1.0, 1.0), "auto", (0,)),
        ((5.0, 1.0, 1.0), "3", ALL),
        ((1.0, 5.0, 1.0), "auto", (1,)),
        ((1.0, 1.0, 5.0), "1", (2,)),
        ((1.0, 1.0, 1.0), "1", (0,)),
    ],
)
def test_axes_are_those_that_the_voxels_suggest_or_the_caller_asks_for(spacing, choice, axes):
    stack = Stack(2 * MIN_SIDE, volumes=2, spacing=spacing)
    assert stack.depth == MIN_SIDE
    assert stack.axes(choice, MIN_SIDE, MIN_SIDE) == axes


@pytest.mark.parametrize("sides", [(8, 64, 64), (64, 8, 64), (64, 64, 8)])
def test_thin_volumes_are_cut_frame_by_frame(sides):
    isotropic = Stack(sides[0], spacing=(1.0, 1.0, 1.0))
    assert isotropic.axes("auto", *sides[1:]) == isotropic.axes("3", *sides[1:]) == (0,)
    thick = Stack(sides[0], spacing=(1.0, 9.0, 1.0) if sides[2] == 8 else (1.0, 1.0, 9.0))
    assert thick.axes("auto", *sides[1:]) == (0,)


def test_channels_take_turns_and_are_no_volume():
    assert [Stack(6, channels=2).channel(n) for n in range(6)] == [0, 1, 0, 1, 0, 1]
    assert [Stack(6, channels=2, run=3).channel(n) for n in range(6)] == [0, 0, 0, 1, 1, 1]
    stack = Stack(2 * MIN_SIDE, spacing=(1.0, 1.0, 1.0), channels=2)
    assert stack.axes("3", MIN_SIDE, MIN_SIDE) == (0,)


def test_spacing_is_positive_or_unknown():
    assert spacing_of(-2.0, 1.0, 0.5) == (2.0, 1.0, 0.5)
    assert spacing_of(0.0, 1.0, 1.0) is None
    assert spacing_of(1.0, math.nan, 1.0) is None
