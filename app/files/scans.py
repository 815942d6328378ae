"""DICOM files among the sources of a command: those of a volume are worked on together."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from app.files.finding import Source, is_scan
from app.imaging.codec import Format, Picture
from app.imaging.formats.dicom import part
from app.service.room import check_size


def volumes_among(sources: Iterable[Source], max_pixels: int) -> list[list[Source]]:
    """Return the sources of each volume of several files.

    Files that cannot be read, or are too large for `max_pixels`, are in none: whoever reads them
    by themselves will find out why.
    """
    slices, by_name = [], {}
    for source in sources:
        if not source.exact and is_scan(source.path):
            with suppress(Exception):  # pydicom's are of many kinds
                check_size(source.path.stat().st_size, max_pixels)
                slices.append(_survey(source))
                by_name[str(source.path)] = source
    if not slices:
        return []
    found = part("series").volumes(slices)
    return [
        [by_name[each.name] for each in volume.slices] for volume in found if len(volume.slices) > 1
    ]


def together(sources: Sequence[Source], pictures: Sequence[Picture]) -> tuple[Picture, list[int]]:
    """Return the volume of decoded files, and the number of each in the order of that."""
    series = part("series")
    (volume,) = series.volumes(map(_survey, sources))
    numbers = {str(source.path): number for number, source in enumerate(sources)}
    order = [numbers[each.name] for each in volume.slices]
    parts = (pictures[number] for number in order)
    return series.assembled(volume, parts, Format.DICOM), order


def apart(picture: Picture, count: int) -> Iterator[Picture]:
    """Take a volume of so many files apart, in its order."""
    parts: Iterator[Picture] = part("series").parted(picture, count)
    return parts


def _survey(source: Source) -> Any:
    return part("series").survey(str(source.path), source.path.read_bytes())
