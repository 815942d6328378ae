"""Find the DICOM files of a volume among sources, and assemble and split the volume."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from app.files.finding import Source
from app.imaging.formats.dicom import is_scan, part
from app.imaging.picture import Format, Picture
from app.service.room import check_size


def volumes_among(sources: Iterable[Source], max_pixels: int) -> list[list[Source]]:
    """Return the sources of each volume that consists of several files.

    Files that cannot be read, or are too large for `max_pixels`, belong to none: reading them on
    their own will show why.
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


def assemble(sources: Sequence[Source], pictures: Sequence[Picture]) -> tuple[Picture, list[int]]:
    """Return the volume of decoded files, and the numbers of the files in its order."""
    series = part("series")
    (volume,) = series.volumes(map(_survey, sources))
    numbers = {str(source.path): number for number, source in enumerate(sources)}
    order = [numbers[each.name] for each in volume.slices]
    parts = (pictures[number] for number in order)
    return series.assembled(volume, parts, Format.DICOM), order


def take_apart(picture: Picture, count: int) -> Iterator[Picture]:
    """Split a volume into its `count` files, in its order."""
    parts: Iterator[Picture] = part("series").parted(picture, count)
    return parts


def _survey(source: Source) -> Any:
    return part("series").survey(str(source.path), source.path.read_bytes())
