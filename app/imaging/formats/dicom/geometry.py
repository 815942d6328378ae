"""The arrangement of frames in space, and the scale of their values."""

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset

from app.imaging.formats.dicom.values import Vector, first_item, items, value, vector
from app.imaging.stack import Stack, spacing_of

EVEN = 1e-2
"""Relative difference up to which steps between slices count as equal."""


def stack_of(dataset: Dataset, frames: int) -> Stack:
    """Return the arrangement of the frames: in space if their positions are equally spaced.

    Frames with individual scaling, as in PET, do not count as spaced: planes across them would show
    the differences.
    """
    groups = () if frames == 1 else items(dataset, "PerFrameFunctionalGroupsSequence")
    if len(groups) != frames:
        return Stack(frames)
    measures = first_item(dataset, "SharedFunctionalGroupsSequence", "PixelMeasuresSequence")
    places = [
        vector(first_item(each, "PlanePositionSequence"), "ImagePositionPatient") for each in groups
    ]
    transformed = (first_item(each, "PixelValueTransformationSequence") for each in groups)
    if len(set(map(scaling_of, transformed))) > 1:
        return Stack(frames)
    return Stack(frames, 1, spacing_between(places, vector(measures or dataset, "PixelSpacing", 2)))


def scaling_of(dataset: Dataset | None) -> tuple[float, float]:
    """Return the slope and intercept that map stored to measured values."""
    found = Dataset() if dataset is None else dataset
    slope, intercept = value(found, "RescaleSlope"), value(found, "RescaleIntercept")
    return (1.0 if slope is None else float(slope), float(intercept or 0))


def spacing_between(
    places: Sequence[Vector | None], across: Vector | None
) -> tuple[float, float, float] | None:
    """Return the distances in mm between frames at these positions, rows, and columns.

    Return None if a position is unknown, or the steps between positions are not equal.
    """
    known = [place for place in places if place is not None]
    if across is None or len(known) < len(places) or len(known) < 2:
        return None
    steps = np.diff(known, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    is_even = bool(np.abs(steps - steps[0]).max() <= EVEN * lengths[0])
    return spacing_of(float(lengths.mean()), *map(float, across)) if is_even else None
