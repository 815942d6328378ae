"""Rounding to 8-bit levels."""

from typing import Any

from keras import ops


def to_8_bits(values: Any) -> Any:
    """Clip values to [0, 1], and round them to multiples of 1/255."""
    return ops.round(ops.clip(values, 0.0, 1.0) * 255.0) / 255.0
