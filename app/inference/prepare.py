"""Prepare the input of the network."""

import asyncio

import numpy as np

from app.imaging.picture import Picture
from app.imaging.scale import Pixels
from app.imaging.view import View, view_of
from app.inference.correction import Correction

SIMPLE_PIXELS = 1 << 18
"""Pixels up to which an 8-bit image without alpha is prepared on the event loop."""


def prepare(picture: Picture, correction: Correction) -> tuple[View, Pixels]:
    """Return the view of an image, and the pixels that the network is given."""
    view = view_of(picture, correction.range, correction.transfer)
    return view, view.given()


async def prepare_aside(picture: Picture, correction: Correction) -> tuple[View, Pixels]:
    """Await `prepare`, in a thread unless starting one would take longer."""
    if _is_simple(picture):
        return prepare(picture, correction)
    return await asyncio.to_thread(prepare, picture, correction)


def _is_simple(picture: Picture) -> bool:
    plain = picture.dtype == np.uint8 and picture.alpha is None and picture.extra is None
    small = picture.height * picture.width <= SIMPLE_PIXELS
    is_usual = not picture.metadata.linear and picture.metadata.no_data is None
    return plain and small and is_usual
