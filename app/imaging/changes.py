"""Report what a format cannot store of an image, so that no loss is silent."""

from collections.abc import Iterator
from dataclasses import replace

from app.imaging.formats.format import FileFormat
from app.imaging.metadata import profile_by_exif
from app.imaging.picture import Change, Changes, Picture, those_of


def on_encoding(picture: Picture, target: FileFormat) -> Changes:
    """Return all changes since the upload if the image is encoded as `target`."""
    return picture.changes | frozenset(_lost(picture, target))


def stripped(picture: Picture) -> Picture:
    """Return the image without its metadata, except for what defines its colours.

    If only EXIF defines them, a colour profile replaces it.
    """
    metadata = picture.metadata
    icc = metadata.icc
    if icc is None and picture.channels == 3 and not metadata.colour:
        icc = profile_by_exif(metadata.exif)
    kept = replace(metadata, icc=icc, exif=None, xmp=None, dpi=None, native=(), gain_map=None)
    changes = {
        Change.METADATA: kept != metadata,
        Change.GAIN_MAP: metadata.gain_map is not None,
    }
    return replace(picture, metadata=kept, changes=picture.changes | those_of(changes))


def without_misfit(picture: Picture, target: FileFormat) -> Picture:
    """Return the image without a profile for grey if it is written as RGB, and vice versa.

    That happens because palettes of greys become grey, and WebP has no grey; formats forbid
    profiles that do not match.
    """
    space = (picture.metadata.icc or b"")[16:20]
    is_grey = picture.channels == 1 and target.holds.grey
    if space != (b"RGB " if is_grey else b"GRAY"):
        return picture
    metadata = replace(picture.metadata, icc=None)
    return replace(picture, metadata=metadata, changes=picture.changes | {Change.PROFILE})


def _lost(picture: Picture, target: FileFormat) -> Iterator[Change]:
    metadata, holds = picture.metadata, target.holds
    moves = target.name != picture.format and holds.others
    deepest = max(holds.depths)
    if picture.depth > deepest or (picture.dtype.kind == "f" and deepest < 32):
        yield Change.DEPTH
    if metadata.white is not None and not holds.white(metadata.white):
        yield Change.DEPTH
    if picture.channels == 1 and not holds.grey:
        yield Change.COLOURS
    if picture.alpha is not None and not holds.alpha:
        yield Change.ALPHA
    if picture.extra is not None and not holds.extra:
        yield Change.CHANNEL
    if metadata.icc and not holds.profile:
        yield Change.PROFILE
    if metadata.colour and not metadata.icc and not holds.colour(metadata):
        yield Change.PROFILE
    if metadata.gain_map and not holds.gain_map:
        yield Change.GAIN_MAP
    parts = ((metadata.dpi, holds.dpi), (metadata.exif, holds.exif), (metadata.xmp, holds.xmp))
    if (moves and metadata.native) or any(part and not held for part, held in parts):
        yield Change.METADATA
    yield from holds.too_long(metadata)
