"""Transposed convolutions as sub-pixel convolutions: plain ones whose channels are the pixels of a
square.

Engines have fast plain convolutions in any precision; their transposed ones are slow with few
channels and in bfloat16.
"""

import numpy as np

from app.inference.engines.keras_file import Weights

Padding = tuple[list[int], list[int]]
"""Zeros before and after, for each axis."""


def kernel_of_squares(weights: Weights, side: int, padding: str) -> tuple[Weights, Padding]:
    """Return the kernel that computes, for each pixel, the square of `side` that replaces it.

    `weights` [rows, columns, outputs, inputs] are those of a transposed convolution of stride
    `side`. The kernel has the shape [rows, columns, inputs, side * side * outputs], the pixels of a
    square row by row. Raises ValueError for one that does not enlarge by its stride.
    """
    sizes = weights.shape[:2]
    if any(size < side for size in sizes):
        raise ValueError("leaves gaps: its strides exceed its kernel")
    if padding == "valid" and sizes != (side, side):
        raise ValueError("does not enlarge by its stride")
    # Pixel a of square p is the sum, over the pixels i of x, of x[i] weights[a + cut + side * (p -
    # i)]: with zeros before and after, the weights are cut into those for each i - p, from the last
    # to the first.
    cuts = [(size - side) // 2 for size in sizes]
    end = [-(-cut // side) for cut in cuts]
    begin = [(size - 1 - cut) // side for size, cut in zip(sizes, cuts, strict=True)]
    reach = [before + 1 + after for before, after in zip(begin, end, strict=True)]
    zeros = [
        (side * after - cut, side * (count - after) - size + cut)
        for after, cut, count, size in zip(end, cuts, reach, sizes, strict=True)
    ]
    spaced = np.pad(weights, [*zeros, (0, 0), (0, 0)])
    cells = spaced.reshape(reach[0], side, reach[1], side, *weights.shape[2:])[::-1, :, ::-1]
    kernel = cells.transpose(0, 2, 5, 1, 3, 4).reshape(*reach, weights.shape[3], -1)
    return np.ascontiguousarray(kernel), (begin, end)
