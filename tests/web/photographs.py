"""The page's noisy samples, made of free photographs:

    python -m tests.web.photographs

writes app/web/static/samples/{high-iso,film,scan}.jpg. NOTICE.md there says where the photographs
come from; scikit-image brings them.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data

from app.imaging.noise import NoiseKind, add_noise
from tests.web.samples import FOLDER

QUALITY = 88
"""Of the JPEG files: what a camera may write."""


def high_iso() -> Image.Image:
    """A cup of coffee, as a camera sees it in the evening."""
    return _noisy(data.coffee(), NoiseKind.CAMERA, 0.05)


def film() -> Image.Image:
    """A man with a camera, on fast film."""
    return _noisy(data.camera()[..., None], NoiseKind.GRAIN, 0.055)


def scan() -> Image.Image:
    """A retina, as an ophthalmologist's instrument sees it in too little light."""
    whole = Image.fromarray(data.retina()).resize((600, 600), Image.Resampling.LANCZOS)
    return _noisy(np.asarray(whole)[100:500], NoiseKind.CAMERA, 0.035)


def _noisy(pixels: Any, kind: NoiseKind, factor: float) -> Image.Image:
    noisy = add_noise(pixels, factor, kind=kind, seed=7)
    return Image.fromarray(noisy.squeeze())


PHOTOGRAPHS: dict[str, Callable[[], Image.Image]] = {
    "high-iso": high_iso,
    "film": film,
    "scan": scan,
}


def write(folder: Path = FOLDER) -> None:
    """Makes every photograph into `folder` as JPEG."""
    for name, make in PHOTOGRAPHS.items():
        file = BytesIO()
        make().save(file, "JPEG", quality=QUALITY)
        (folder / f"{name}.jpg").write_bytes(file.getvalue())


if __name__ == "__main__":
    write()
