import pytest

from benchmarks.growth import fit


def test_a_line_is_found_again():
    pixels = [64.0**2, 256.0**2, 1e6, 12e6]
    line = fit(pixels, [0.004 + 3e-7 * x for x in pixels])
    assert line.a == pytest.approx(0.004)
    assert line.b == pytest.approx(3e-7)
    assert line(1e6) == pytest.approx(0.304)
    assert str(line) == "4.0 ms + 300 ms per megapixel"


def test_a_picture_without_pixels_never_pays_less_than_nothing():
    line = fit([1.0, 2.0, 4.0], [0.5, 2.0, 5.0])
    assert line.a == 0
    assert line.b > 0
