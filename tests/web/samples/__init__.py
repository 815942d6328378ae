"""Drawings for the page to be tried on: `python -m tests.web.samples` writes them again.

All are made of formulas and a fixed seed, so that the page can ship pictures that are
clean to begin with and owe nothing to anyone. Their noise, each picture's own kind, comes from
`/noise`, so that the page can measure against the original.
"""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from app.api.routes.page import STATIC
from tests.web.samples.head import mri
from tests.web.samples.landscape import landscape
from tests.web.samples.page import text

FOLDER = STATIC / "samples"

SAMPLES: dict[str, Callable[[], Image.Image]] = {
    "mri": mri,
    "landscape": landscape,
    "text": text,
}


def write(folder: Path = FOLDER) -> None:
    """Draw every sample into `folder` as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in SAMPLES.items():
        draw().save(folder / f"{name}.png", optimize=True)
