"""How a JPEG was coded, its quality and chroma subsampling, so that the result is coded alike."""

import numpy as np
from numpy.typing import NDArray

from app.imaging.formats.jpeg.frame import Frame
from app.imaging.formats.jpeg.segments import DQT

# ITU-T T.81, table K.1, in the order of a quantisation table in a file, annex A.3.6
_LUMA = np.array(
    [
        *(16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40),
        *(26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51),
        *(56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87),
        *(95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99),
    ]
)
_QUALITIES = np.arange(1, 101)
_SCALES = np.where(_QUALITIES < 50, 5000 // _QUALITIES, 200 - 2 * _QUALITIES)
_STEPS = np.log(np.clip((_LUMA * _SCALES[:, None] + 50) // 100, 1, 255))
"""The table of libjpeg for each quality, in logarithms, since relative differences matter."""

_SAMPLINGS = {(1, 1): "444", (2, 1): "422", (1, 2): "440", (2, 2): "420", (4, 1): "411"}
_COARSEST = "420"
_TURNED = {"422": "440", "440": "422", "411": _COARSEST}


def coding(frame: Frame) -> tuple[int, str] | None:
    """Return the quality, 1 to 100, of the closest tables of libjpeg, and the chroma subsampling.

    Return None if the header has no quantisation table for the first component.
    """
    table = _tables(frame).get(frame.components[0].table)
    if table is None:
        return None
    distance = np.square(_STEPS - np.log(np.maximum(table, 1))).sum(axis=1)
    return int(_QUALITIES[distance.argmin()]), _sampling(frame)


def turned(sampling: str) -> str:
    """Return the subsampling after rows have become columns."""
    return _TURNED.get(sampling, sampling)


def _sampling(frame: Frame) -> str:
    if len(frame.components) != 3:
        return "444"
    luma, *colours = frame.components
    across, down = (max(each[axis] for each in colours) for axis in (1, 2))
    return _SAMPLINGS.get((luma.across // across, luma.down // down), _COARSEST)


def _tables(frame: Frame) -> dict[int, NDArray[np.unsignedinteger]]:
    """Return the quantisation tables before the first scan, of 64 steps each, by number."""
    found: dict[int, NDArray[np.unsignedinteger]] = {}
    for segment in frame.tables:
        body = segment[4:] if segment[1] == DQT else b""
        while body:
            deep, number = body[0] >> 4, body[0] & 15
            found[number] = np.frombuffer(body, ">u2" if deep else "u1", 64, 1)
            body = body[1 + (64 << deep) :]
    return found
