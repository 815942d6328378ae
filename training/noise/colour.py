"""Luma and chroma, and 3x3 colour matrices."""

from typing import Any

from keras import ops

from app.imaging.noise.colour import RGB, YCC

GREY = 1 / 512
"""Channels that differ by less than this, half an 8-bit level, count as equal."""


def transform(pixels: Any, matrix: Any) -> Any:
    """Apply `matrix` [3, 3], or [n, 3, 3] with one per patch, to pixels [n, h, w, 3]."""
    rows = ops.reshape(matrix, (-1, 1, 1, 3, 3))
    return ops.sum(pixels[..., None, :] * rows, axis=-1)


def to_ycc(pixels: Any) -> tuple[Any, Any]:
    """Return luma [n, h, w, 1] and chroma [n, h, w, 2] of RGB pixels or residuals."""
    ycc = transform(pixels, YCC)
    return ycc[..., :1], ycc[..., 1:]


def to_rgb(luma: Any, chroma: Any) -> Any:
    """Invert `to_ycc`."""
    return transform(ops.concatenate([luma, chroma], axis=-1), RGB)


def is_grey(patches: Any) -> Any:
    """Return which of the patches [n, h, w, 3] are grey, [n, 1, 1, 1]."""
    spread = ops.max(patches, axis=-1) - ops.min(patches, axis=-1)
    return ops.max(spread, axis=(1, 2))[:, None, None, None] < GREY
