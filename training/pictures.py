"""Draw loss curves and grids of images, as PNG files in memory."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from app.imaging.scale import from_unit, to_unit

Images = Sequence[NDArray[Any]] | NDArray[Any]

COLUMNS = 5
"""Images side by side in a grid, as in the article."""


def draw_loss(rows: Sequence[Mapping[str, float]]) -> bytes:
    """Draw loss and PSNR over the steps of a run, for training and, if any, validation."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, name, label in zip(
        figure.subplots(1, 2), ("loss", "psnr"), ("loss", "PSNR, dB"), strict=True
    ):
        for column, part in ((name, "training"), (f"validation_{name}", "held out")):
            points = [(row["step"], row[column]) for row in rows if column in row]
            if points:
                axes.plot(*zip(*points, strict=True), label=part, marker=".")
                axes.legend()
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    return _png(figure)


def draw_grid(
    original: Images,
    noisy: Images,
    restored: Images,
    captions: Sequence[str] = (),
) -> bytes:
    """Draw the first images [h, w, 3] of each kind in a row, with captions below the last row."""
    count = min(COLUMNS, len(original))
    figure = Figure(figsize=(2.2 * count, 6.9), layout="constrained")
    grid = figure.subplots(3, count, squeeze=False)
    for row, name, images in zip(
        grid, ("original", "noisy", "restored"), (original, noisy, restored), strict=True
    ):
        row[0].set_ylabel(name)
        for axes, pixels in zip(row, images, strict=False):
            shown = from_unit(to_unit(pixels), np.dtype(np.uint8))
            axes.imshow(np.repeat(shown, 3 // shown.shape[-1], axis=-1))
            axes.set(xticks=[], yticks=[])
    for axes, caption in zip(grid[2], captions, strict=False):
        axes.set_xlabel(caption)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
