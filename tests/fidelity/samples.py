"""What the pictures of the fidelity table show, beside the noise and the ramps of `files`."""

import numpy as np

from tests.fidelity.files import NOISE, SMOOTH, Samples

PALETTE: Samples = np.array([[200, 10, 30], [0, 90, 250], [255, 255, 0], [9, 8, 7]], np.uint8)
INDICES: Samples = NOISE[..., 0] % 4
SEEN: Samples = PALETTE[INDICES]
OPACITY: Samples = np.where(INDICES == 2, 0, 255).astype(np.uint8)
GREY: Samples = SMOOTH[..., 0]
INKS: Samples = np.dstack((SMOOTH, GREY // 2))
LIGHT: Samples = 255 - INKS.astype(float)
PRINTED: Samples = np.rint(LIGHT[..., :3] * LIGHT[..., 3:] / 255).astype(np.uint8)
"""The inks as RGB."""

MODES = {"L": "grey", "LA": "grey + alpha", "RGB": "RGB", "RGBA": "RGB + alpha"}


def channels(samples: Samples, names: str) -> Samples:
    """Grey, grey + alpha, RGB or RGB + alpha of four channels."""
    picked = samples[..., {"L": [0], "LA": [0, 3], "RGB": [0, 1, 2], "RGBA": [0, 1, 2, 3]}[names]]
    return picked[..., 0] if names == "L" else picked
