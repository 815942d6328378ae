"""The number that stands for no data in a TIFF, in the tag that GDAL has for it."""

import math
import re

import numpy as np

from app.imaging import ifd
from app.imaging.tags import Tag

_LONGEST = 64
_NUMBER = re.compile(rb"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*\0*")


def no_data(directory: ifd.Directory, dtype: np.dtype[np.generic]) -> float | None:
    """Return the number as samples of a type have it; None if it is not stated, or not finite."""
    stated = directory.fields.get(Tag.NO_DATA)
    text = bytes(stated.value[: _LONGEST + 1]) if stated else b""
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    number = float(found[1])
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            number = float(np.asarray(number).astype(dtype))
        return number if math.isfinite(number) else None
    bounds = np.iinfo(dtype)  # type: ignore[type-var]
    return number if number.is_integer() and bounds.min <= number <= bounds.max else None
