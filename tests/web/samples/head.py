"""A slice through a head, as magnetic resonance shows it."""

import numpy as np
from PIL import Image

from benchmarks.planes import SCALE, ellipse, fractal, labyrinth, mix, reduce, step


def mri(size: int = 512) -> Image.Image:
    """Return an axial slice through an imaginary head, 8-bit grey."""
    n = size * SCALE
    y, x = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n), indexing="ij")
    warp = fractal(n, n, 3.6, seed=5)
    side = np.sqrt(x * x + 4e-4)  # |x|, rounded at the midline: left and right look alike
    y = y + 0.012 * warp
    head = ellipse(x, y, (0, 0), (0.74, 0.92))
    brain = ellipse(x, y, (0, 0.01), (0.645, 0.815)) + 0.008 * warp

    folds = labyrinth(n, n, cycles=15, spread=4, seed=12)
    folds = np.abs(folds + 0.65 * folds[:, ::-1] + 0.15 * warp)
    depth = np.clip(brain / 0.46, 0, 1)  # 0 at the surface of the brain
    sulci = 1 - step(folds + 0.75 * depth**2, 0.24, 0.24)
    cortex = 1 - step(np.minimum(folds + 1.2 * depth**2, 9 * depth), 0.95, 0.3)

    picture = np.zeros((n, n))
    picture = mix(picture, 0.62 + 0.05 * warp, step(head, 0.0, 0.012))  # scalp
    picture = mix(picture, 0.07, step(head, 0.05, 0.016))  # skull
    picture = mix(picture, 0.30, step(head, 0.062, 0.02) * (1 - step(head, 0.085, 0.02)))
    picture = mix(picture, 0.10, step(brain, -0.03, 0.02))  # fluid around the brain
    tissue = mix(np.full((n, n), 0.72) + 0.015 * warp, 0.47, cortex)
    tissue = mix(tissue, 0.13, sulci)
    picture = mix(picture, tissue, step(brain, 0.0, 0.02))

    inside = step(brain, 0.02, 0.02)
    for at, radii, grey in (
        ((0.17, 0.06), (0.10, 0.20), 0.53),  # deep grey matter
        ((0.09, 0.13), (0.07, 0.10), 0.49),
    ):
        picture = mix(picture, grey, step(ellipse(side, y, at, radii), 0.1, 0.18) * inside)
    horns = np.maximum(
        ellipse(side - 0.25 * (y + 0.2) ** 2, y, (0.075, -0.17), (0.052, 0.17)),
        ellipse(side - 0.35 * (y - 0.2), y, (0.105, 0.30), (0.055, 0.16)),
    )
    picture = mix(picture, 0.09, step(horns, 0.05, 0.14))  # ventricles
    cleft = ellipse(x + 0.006 * warp, y, (0, 0.0), (0.013, 0.80))
    outer = step(np.abs(y - 0.02), 0.36, 0.1)
    picture = mix(picture, 0.12, step(cleft, 0.1, 0.3) * outer * inside)
    return reduce(picture, size, size)
