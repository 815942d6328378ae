"""What a format cannot hold of a picture, so that no loss is silent."""

from collections.abc import Iterator
from dataclasses import replace

from app.imaging import jpeg
from app.imaging.picture import Change, Changes, Format, Metadata, Picture

_DEEPEST = {Format.PNG: 16, Format.JPEG: 8, Format.WEBP: 8, Format.TIFF: 32}  # bits a sample


def on_encoding(picture: Picture, target: Format) -> Changes:
    """All that has changed of the upload once the picture is written as `target`."""
    return picture.changes | frozenset(_lost(picture, target))


def stripped(picture: Picture) -> Picture:
    """The picture without its metadata, but for what says how to see its samples."""
    metadata = picture.metadata
    kept = Metadata(icc=metadata.icc, colour=metadata.colour, lossless=metadata.lossless)
    changes = picture.changes if kept == metadata else picture.changes | {Change.METADATA}
    return replace(picture, metadata=kept, changes=changes)


def without_misfit(picture: Picture, target: Format) -> Picture:
    """The picture without its profile where that is for grey, and RGB is written, or the reverse.

    Palettes of greys become grey, and WebP has no grey; formats forbid the profile that is left.
    """
    space = (picture.metadata.icc or b"")[16:20]
    is_grey = picture.channels == 1 and target is not Format.WEBP
    if space != (b"RGB " if is_grey else b"GRAY"):
        return picture
    metadata = replace(picture.metadata, icc=None)
    return replace(picture, metadata=metadata, changes=picture.changes | {Change.PROFILE})


def _lost(picture: Picture, target: Format) -> Iterator[Change]:
    metadata, moves = picture.metadata, target is not picture.format
    if picture.depth > _DEEPEST[target]:
        yield Change.DEPTH
    if target is Format.WEBP and picture.channels == 1:
        yield Change.COLOURS
    if target is Format.JPEG and picture.alpha is not None:
        yield Change.ALPHA
    if moves and metadata.colour and not metadata.icc:
        yield Change.PROFILE
    if (moves and metadata.native) or (target is Format.WEBP and metadata.dpi):
        yield Change.METADATA
    if target is Format.JPEG:
        yield from jpeg.too_long(metadata)
