"""Luma and chroma, and matrices applied to colours."""

import numpy as np

from app.imaging.noise.plane import Plane

YCC: Plane = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
"""RGB to luma and the colour differences Cb and Cr (ITU-R BT.601, as in JPEG)."""

RGB: Plane = np.linalg.inv(YCC.astype(np.float64)).astype(np.float32)
"""Luma and colour differences to RGB."""


def mapped(planes: Plane, matrix: Plane) -> Plane:
    """Apply a matrix [n, m] to colours [m, h, w]; return [n, h, w].

    Written out, since linear algebra libraries round differently at different sizes.
    """
    out = np.empty((len(matrix), *planes.shape[1:]), np.float32)
    for row, plane in zip(matrix, out, strict=True):
        np.multiply(planes[0], row[0], out=plane)
        for weight, each in zip(row[1:], planes[1:], strict=True):
            plane += weight * each
    return out


def luma(planes: Plane) -> Plane:
    """Return luma [1, h, w] of grey [1, h, w] or RGB [3, h, w]."""
    return planes if len(planes) == 1 else mapped(planes, YCC[:1])
