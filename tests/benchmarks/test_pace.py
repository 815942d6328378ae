import pytest

from app.service.room import PIXELS_AT_ONCE
from benchmarks.pace import EDGE, edge, enough


@pytest.mark.parametrize("side", [64, 1024, 2048, 3464, 9000])
def test_images_are_timed_by_as_many_as_are_in_progress_at_a_time(side):
    left_out = edge(side)
    assert left_out == EDGE or (left_out + 1) * side**2 > PIXELS_AT_ONCE
    assert enough(side) % left_out == 0
    assert enough(side) >= 4 * left_out
