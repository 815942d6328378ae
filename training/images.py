"""Find and read images, and report why some cannot be used."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from app.imaging import formats
from app.imaging.blend import LUMA
from app.imaging.codec import decode
from app.imaging.formats.dicom import DIRECTORY, is_scan
from app.imaging.picture import ImagingError, Picture, UnsupportedImage
from app.imaging.range import choose
from app.imaging.scale import Pixels, is_plain
from training.errors import TrainingError

MAX_PIXELS = 1 << 28
T = TypeVar("T")


@dataclass(frozen=True)
class Skipped:
    """A file that was left out."""

    path: Path
    reason: str


def image_files(folder: Path, only: Sequence[str] = ()) -> list[Path]:
    """Return the images below `folder`, by their names, and DICOM of any name, sorted by path.

    Links to folders are followed, and images in the folders of runs are left out. `only` restricts
    the result to files of these names. Raises TrainingError if there is none.
    """
    if not folder.is_dir():
        raise TrainingError(f"there is no folder {folder}")
    files = sorted(path for path in _files(folder) if _is_image(path))
    if only:
        files = [path for path in files if path.name in only]
    if not files:
        raise TrainingError(f"no image files below {folder}")
    return files


def _is_image(path: Path) -> bool:
    return formats.is_called_one(path.name) or (path.stem != DIRECTORY and is_scan(path))


def _files(folder: Path) -> Iterator[Path]:
    """Yield all files below `folder`, each once, except those below the folder of a run."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        real = os.path.realpath(place)
        if real in seen or {"experiment.toml", "environment.json"} <= set(names):
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(place, name) for name in names)


def read(path: Path) -> Pixels:
    """Return an image as RGB [height, width, 3] of uint8, uint16, or float32 in [0, 1].

    Samples of other types, and floats beyond [0, 1], are mapped from the range in which the service
    would process them. Grey is repeated, and transparency dropped. Raises ImagingError or OSError.
    """
    return _rgb(decode(path.read_bytes(), max_pixels=MAX_PIXELS))


def read_frames(path: Path) -> list[Pixels]:
    """Return the frames of an image, of which most have one, each as `read` returns an image."""
    picture = decode(path.read_bytes(), max_pixels=MAX_PIXELS)
    return np.split(_rgb(picture), picture.stack.frames)


def _rgb(picture: Picture) -> Pixels:
    pixels = _on_a_scale(picture.pixels)
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def _on_a_scale(pixels: Pixels) -> Pixels:
    if is_plain(pixels):
        return pixels.astype(np.float32) if pixels.dtype.kind == "f" else pixels
    if not np.isfinite(pixels).all():
        raise UnsupportedImage("The image has samples that are not finite.")
    return choose("auto", pixels).to_unit(pixels)


def read_each(
    files: Iterable[Path], load: Callable[[Path], T]
) -> tuple[dict[Path, T], list[Skipped]]:
    """Return the result of `load` for each file, in order; it is called on all cores.

    Files for which it raises ImagingError or OSError are skipped. After any other error, no further
    file is begun.
    """

    def attempt(path: Path) -> T | Skipped:
        try:
            return load(path)
        except (ImagingError, OSError) as error:
            return Skipped(path, str(error))

    loaded, skipped = dict[Path, T](), list[Skipped]()
    with ThreadPoolExecutor() as pool:
        for path, result in zip(files, pool.map(attempt, files), strict=True):
            if isinstance(result, Skipped):
                skipped.append(result)
            else:
                loaded[path] = result
    return loaded, skipped


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Resize `pixels` [h, w, 3] by a Lanczos filter, keeping their type."""
    if pixels.shape[:2] == (height, width):
        return pixels
    if pixels.dtype == np.uint8:
        return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    # Pillow supports no colour of more than 8 bits, so each plane is converted to floats.
    planes = [
        Image.fromarray(plane.astype(np.float32)).resize((width, height), Image.Resampling.LANCZOS)
        for plane in np.moveaxis(pixels, -1, 0)
    ]
    values = np.stack([np.asarray(plane) for plane in planes], axis=-1)
    resized: Pixels = (
        np.rint(values).clip(0, 65535) if pixels.dtype == np.uint16 else values.clip(0.0, 1.0)
    ).astype(pixels.dtype)
    return resized


def to_grey(pixels: Pixels) -> Pixels:
    """Convert RGB `pixels` to three equal channels of luma (BT.601), keeping their type."""
    luma = pixels @ LUMA
    if pixels.dtype != np.float32:
        luma = np.rint(luma)
    return np.repeat(luma[..., None].astype(pixels.dtype), 3, axis=-1)
