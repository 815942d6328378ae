"""The arrays that noise is made of."""

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""Samples, or noise for them, on the scale where black is 0 and white is 1."""
