import numpy as np
import pytest

from app.inference.engines.squares import kernel_of_squares


def enlarged(x, weights, side, padding):
    """Add up what each pixel of `x` [height, width, inputs] spreads: a transposed convolution."""
    rows, columns, outputs, _ = weights.shape
    height, width, _ = x.shape
    whole = np.zeros((side * (height - 1) + rows, side * (width - 1) + columns, outputs))
    for row, column in np.ndindex(height, width):
        part = whole[side * row : side * row + rows, side * column : side * column + columns]
        part += weights @ x[row, column]
    top, left = ((size - side) // 2 if padding == "same" else 0 for size in (rows, columns))
    return whole[top : top + side * height, left : left + side * width]


@pytest.mark.parametrize(
    ("side", "sizes", "padding"),
    [
        (2, (2, 2), "valid"),
        (2, (2, 2), "same"),
        (2, (3, 4), "same"),
        (2, (6, 6), "same"),
        (3, (5, 7), "same"),
        (1, (3, 3), "same"),
    ],
)
def test_squares_are_the_pixels_of_the_transposed_convolution(side, sizes, padding):
    random = np.random.default_rng(0)
    weights = random.normal(size=(*sizes, 2, 3)).astype(np.float32)
    x = random.normal(size=(4, 5, 3))
    kernel, zeros = kernel_of_squares(weights, side, padding)
    around = np.pad(x, [*zip(*zeros, strict=True), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(around, kernel.shape[:2], (0, 1))
    squares = np.einsum("hwirc,rcio->hwo", windows, kernel).reshape(4, 5, side, side, 2)
    found = squares.swapaxes(1, 2).reshape(4 * side, 5 * side, 2)
    np.testing.assert_allclose(found, enlarged(x, weights, side, padding), atol=1e-5)


@pytest.mark.parametrize(
    ("sizes", "padding", "reason"), [((1, 2), "same", "gaps"), ((4, 4), "valid", "not enlarge")]
)
def test_what_does_not_enlarge_by_its_stride_is_refused(sizes, padding, reason):
    with pytest.raises(ValueError, match=reason):
        kernel_of_squares(np.zeros((*sizes, 2, 3), np.float32), 2, padding)
