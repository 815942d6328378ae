"""Simulate JPEG compression: 8x8 blocks of rounded frequencies, and subsampled chroma.

After ITU-T T.81, with the quantization tables of its Annex K, scaled by quality as in the library
of the Independent JPEG Group, which nearly all programs follow.
"""

from typing import Any

import numpy as np
from keras import ops

from training.noise.colour import to_rgb, to_ycc
from training.noise.levels import to_8_bits
from training.noise.random import Random

# fmt: off
LUMA = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
], np.float32)
# fmt: on
CHROMA = np.full((8, 8), 99, np.float32)
CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

FREQUENCIES = np.array(
    [
        [np.sqrt((2 if u else 1) / 8) * np.cos((2 * x + 1) * u * np.pi / 16) for x in range(8)]
        for u in range(8)
    ],
    np.float32,
)
"""The discrete cosine transform of eight values: orthonormal, [frequency, position]."""

GRID = 16
"""Pixels after which blocks of halved chroma repeat; sides of patches are multiples of it."""


def jpeg(pixels: Any, random: Random, quality: tuple[float, float]) -> Any:
    """Compress patches [n, h, w, 3] in [0, 1], each at a quality from U(quality), 1..100.

    The grid of blocks has a random offset, the same for the whole batch. Chroma is halved both ways
    (4:2:0) for 40% of the patches, along rows alone (4:2:2) for 25%, and not at all for the rest.
    """
    count, height, width, _ = pixels.shape
    down, across = random.integer(GRID), random.integer(GRID)
    shifted = _roll(_roll(pixels, down, 1, height), across, 2, width)
    scale = _scale(random.uniform(count, quality))
    luma, chroma = to_ycc(ops.round(ops.clip(shifted, 0.0, 1.0) * 255.0))
    luma = _quantised(luma - 128.0, LUMA, scale) + 128.0
    which = random.uniform(count, (0.0, 1.0))
    whole = _quantised(chroma, CHROMA, scale)
    wide = _halved(chroma, scale, down=1)
    small = _halved(chroma, scale, down=2)
    chroma = ops.where(which < 0.4, small, ops.where(which < 0.65, wide, whole))
    result = to_8_bits(to_rgb(luma, chroma) / 255.0)
    return _roll(_roll(result, height - down, 1, height), width - across, 2, width)


def _roll(pixels: Any, shift: Any, axis: int, length: int) -> Any:
    return ops.take(pixels, (ops.arange(length) - shift) % length, axis=axis)


def _scale(quality: Any) -> Any:
    """Return the factor of the tables, in percent."""
    return ops.where(quality < 50, 5000.0 / quality, 200.0 - 2.0 * quality)


def _halved(chroma: Any, scale: Any, *, down: int) -> Any:
    """Average chroma over two pixels across and 1 or 2 `down`, quantize it, and interpolate it back
    to its size.
    """
    count, height, width, _ = chroma.shape
    shape = (count, height // down, down, width // 2, 2, 2)
    fewer = _quantised(ops.mean(ops.reshape(chroma, shape), axis=(2, 4)), CHROMA, scale)
    return ops.image.resize(
        fewer, (height, width), interpolation="bilinear", data_format="channels_last"
    )


def _quantised(plane: Any, table: Any, scale: Any) -> Any:
    """Quantize the frequencies of the 8x8 blocks of planes [n, h, w, c] around 0."""
    height, width = plane.shape[1:3]
    scaled = (scale[:, 0] * ops.reshape(table, (1, 8, 8)) + 50.0) / 100.0
    steps = ops.clip(ops.floor(scaled), 1.0, 255.0)
    steps = ops.tile(steps, (1, height // 8, width // 8))[..., None]
    frequencies = _in_blocks(plane, FREQUENCIES)
    return _in_blocks(ops.round(frequencies / steps) * steps, FREQUENCIES.T)


def _in_blocks(plane: Any, matrix: Any) -> Any:
    """Apply `matrix` [8, 8] along both sides of each 8x8 block of [n, h, w, c]."""
    width, channels = plane.shape[2:]
    down = ops.reshape(plane, (-1, 1, 8, width * channels))
    across = ops.reshape(_product(matrix, down), (-1, 1, 8, channels))
    return ops.reshape(_product(matrix, across), plane.shape)


def _product(matrix: Any, columns: Any) -> Any:
    """Multiply `matrix` [8, 8] by columns [n, 1, 8, m] as a sum, since the result must stay
    float32.
    """
    return ops.sum(ops.reshape(matrix, (1, 8, 8, 1)) * columns, axis=2)
