"""Luma and chroma, and matrices of colours."""

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

YCC: Plane = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
"""RGB to luma and the two differences of colour, Cb and Cr (ITU-R BT.601, as in JPEG)."""

RGB: Plane = np.linalg.inv(YCC.astype(np.float64)).astype(np.float32)
"""Luma and differences of colour to RGB."""


def mapped(planes: Plane, matrix: Plane) -> Plane:
    """Colours [m, h, w] through a matrix [n, m]: [n, h, w].

    Written out, since a library of linear algebra rounds otherwise for other sizes.
    """
    out = np.empty((len(matrix), *planes.shape[1:]), np.float32)
    for row, plane in zip(matrix, out, strict=True):
        np.multiply(planes[0], row[0], out=plane)
        for weight, each in zip(row[1:], planes[1:], strict=True):
            plane += weight * each
    return out


def luma(planes: Plane) -> Plane:
    """Luma [1, h, w] of grey [1, h, w] or RGB [3, h, w]."""
    return planes if len(planes) == 1 else mapped(planes, YCC[:1])
