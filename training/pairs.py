"""Pairs of a noisy and a clean image of the same scene, matched by their file names."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePath

from app.imaging.picture import ImagingError
from app.imaging.scale import Pixels
from training.errors import TrainingError
from training.images import image_files, read

WILD = re.compile(r"\*\*/|\*|\?")
SHOWN = 5
"""The most files without a partner that an error names."""


@dataclass(frozen=True)
class Pair:
    """Two files of the same scene."""

    noisy: Path
    clean: Path


def pairs(root: Path, noisy: str, clean: str) -> list[Pair]:
    """Return the pairs below `root`, sorted by the noisy files' paths.

    `noisy` and `clean` are folders, whose files are paired if their paths agree except for the
    suffix, or patterns, whose files are paired if the wildcards stand for the same: `*` and `?` for
    part of a name, `**/` for any folders. So "set/*_real.png" and "set/*_mean.png" match
    set/1_real.png with set/1_mean.png. Raises TrainingError if there are no files, or if any have
    no partner or more than one; the error names them.
    """
    sides = [_by_key(root, where) for where in (noisy, clean)]
    odd = [
        path
        for here, there in (sides, sides[::-1])
        for key, paths in here.items()
        for path in paths
        if len(paths) > 1 or key not in there
    ]
    if odd:
        names = ", ".join(str(path) for path in odd[:SHOWN])
        more = f" and {len(odd) - SHOWN} more" if len(odd) > SHOWN else ""
        raise TrainingError(f"{noisy} and {clean}: not one partner each for {names}{more}")
    matched = [Pair(paths[0], sides[1][key][0]) for key, paths in sides[0].items()]
    return sorted(matched, key=lambda pair: pair.noisy)


def read_pair(pair: Pair) -> tuple[Pixels, Pixels]:
    """Return the noisy and the clean image, [height, width, 3], each in the depth of its file.

    Raises ImagingError if their sizes differ or one cannot be read, and OSError.
    """
    noisy = read(pair.noisy)
    try:
        clean = read(pair.clean)
    except ImagingError as error:
        raise ImagingError(f"its partner {pair.clean} is unreadable: {error}") from error
    if noisy.shape != clean.shape:
        sizes = [f"{pixels.shape[1]}x{pixels.shape[0]}" for pixels in (noisy, clean)]
        raise ImagingError(f"it is {sizes[0]}, and its partner {pair.clean} {sizes[1]}")
    return noisy, clean


def _by_key(root: Path, where: str) -> dict[tuple[str, ...], list[Path]]:
    """Return the files of a folder or pattern, by the part of the path that partners share."""
    found: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    if not WILD.search(where):
        for path in image_files(root / where):
            found[path.relative_to(root / where).with_suffix("").parts].append(path)
        return found
    fixed = _folder(where)
    pattern = _expression(PurePath(where).relative_to(fixed).as_posix())
    for path in image_files(root / fixed):
        match = pattern.fullmatch(path.relative_to(root / fixed).as_posix())
        if match:
            found[match.groups("")].append(path)
    if not found:
        raise TrainingError(f"no image files match {root / where}")
    return found


def _folder(pattern: str) -> PurePath:
    """Return the folders of a pattern before the first wildcard."""
    parts = PurePath(pattern).parts
    first = next(index for index, part in enumerate(parts) if WILD.search(part))
    return PurePath(*parts[:first])


def _expression(pattern: str) -> re.Pattern[str]:
    groups = {"**/": "((?:[^/]+/)*)", "*": "([^/]*)", "?": "([^/])"}
    literal = WILD.split(pattern)
    wild = [groups[found] for found in WILD.findall(pattern)] + [""]
    return re.compile("".join(re.escape(a) + b for a, b in zip(literal, wild, strict=True)))
