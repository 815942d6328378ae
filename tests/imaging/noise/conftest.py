"""A picture to add noise to, and the statistics of noise."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Plane = NDArray[Any]


@pytest.fixture(scope="session")
def ramp() -> Plane:
    """Colours that run from dark to bright along the rows, [256, 320, 3], float32 in [0.1, 0.9]."""
    luma = np.broadcast_to(np.linspace(0.15, 0.85, 320), (256, 320))
    colours: Plane = luma[..., None] + np.array([0.05, 0.0, -0.05])
    return colours.astype(np.float32)


@pytest.fixture(scope="session")
def correlation() -> Callable[[Plane, int, int], float]:
    """Of a plane [h, w] with itself, so many rows down and columns right."""

    def measure(plane: Plane, down: int, right: int) -> float:
        plane = plane - plane.mean()
        height, width = plane.shape
        moved = plane[down:, right:] * plane[: height - down, : width - right]
        return float(moved.mean() / (plane**2).mean())

    return measure
