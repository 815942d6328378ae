"""Decide to which file a result is written, and in which format."""

from collections.abc import Callable, Iterable
from pathlib import Path

from app.files.finding import STANDARD, Source
from app.imaging import formats
from app.imaging.picture import Format, Picture, UnsupportedImage


def namesakes(sources: Iterable[Source]) -> Iterable[list[Source]]:
    """Group sources that differ only in their suffix, since their results may have the same name.

    In each group, files in a format that is also written come first, since their results keep the
    suffix.
    """
    groups: dict[Path, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.stem, []).append(source)
    return [sorted(group, key=lambda s: _named(s.path) is None) for group in groups.values()]


def target_of(
    source: Source,
    picture: Picture,
    wanted: Format | None,
    format_for: Callable[[Picture], Format],
) -> tuple[Path, Format]:
    """Return where the result goes, and in which format.

    `wanted` is the format that the user asks for; `format_for` chooses one, unless the user has
    given a name that decides it.
    """
    target = source.target
    if source.exact and target != STANDARD:
        return target, wanted or _format(target)
    format_ = format_for(picture)
    # scanners seldom name their files with a suffix, and these names are kept
    is_scan = format_ is picture.format is Format.DICOM
    if source.exact or is_scan or _named(source.path) is format_:
        return target, format_
    return source.stem.with_name(f"{source.stem.name}{formats.FORMATS[format_].suffix}"), format_


def _named(path: Path) -> Format | None:
    try:
        return _format(path)
    except UnsupportedImage:
        return None


def _format(path: Path) -> Format:
    """Return the format of a file name; raise UnsupportedImage."""
    return Format(formats.of_name(formats.parted(path.name)[1]).name)
