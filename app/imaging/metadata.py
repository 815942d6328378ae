"""Keep metadata consistent with the pixels, above all the orientation."""

import re
import zlib
from dataclasses import replace

from app.imaging import ifd
from app.imaging.icc import adobe_rgb, is_cmyk, is_sound
from app.imaging.orientation import is_transposed
from app.imaging.picture import Change, Changes, Metadata, those_of
from app.imaging.tags import Tag
from app.imaging.xmp import without_promises

EXIF_PREFIX = b"Exif\0\0"
"""Precedes EXIF in JPEG; some writers retain it in other formats."""

MAX_DPI = 65_535  # in JPEG
MAX_INFLATED = 2**23  # bytes; a colour profile or an XMP packet has at most a tenth of it

_INDEX = 1  # the tag of the rule in the directory of interoperability
_SIDES = (  # of a directory and the one of EXIF below it: across, down
    (Tag.WIDTH, Tag.HEIGHT),
    (Tag.X_RESOLUTION, Tag.Y_RESOLUTION),
    (Tag.PIXELS_ACROSS, Tag.PIXELS_DOWN),
    (Tag.FOCAL_X_RESOLUTION, Tag.FOCAL_Y_RESOLUTION),
)
_XMP_SIDES = (  # the same
    (b"tiff:ImageWidth", b"tiff:ImageLength"),
    (b"tiff:XResolution", b"tiff:YResolution"),
    (b"exif:PixelXDimension", b"exif:PixelYDimension"),
    (b"exif:FocalPlaneXResolution", b"exif:FocalPlaneYResolution"),
)
_OTHER_SIDE = dict(_XMP_SIDES) | {down: across for across, down in _XMP_SIDES}
_XMP_SIDE = re.compile(rb"(?<=[\s</])(?:" + b"|".join(_OTHER_SIDE) + rb")(?=[\s=>])")
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]""")


def inflate(data: bytes | memoryview, most: int = MAX_INFLATED) -> bytes:
    """Inflate a zlib stream of metadata; return nothing if it is damaged or exceeds the limit."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, max(1, most))  # 0 would mean no limit
    except zlib.error:
        return b""
    return inflated if stream.eof else b""


def upright(metadata: Metadata, *, by_container: bool = False) -> tuple[int, Metadata, Changes]:
    """Return the orientation, 1 to 8, the metadata for the upright image, and the changes.

    EXIF is edited in place, so that offsets inside maker notes stay valid: the orientation becomes
    1, widths and heights are exchanged if rows become columns, and the thumbnail, which would show
    the old image, is unlinked. XMP is edited likewise, as it repeats what EXIF says, or the
    orientation that the container of the file (`by_container`) has applied. Whatever would be wrong
    is dropped: damaged EXIF, a resolution that no format can state, a damaged profile, a CMYK
    profile, since pixels are grey or RGB by now, a gain map, which is not turned with its image,
    and references of XMP to other parts of the file.
    """
    orientation, exif, has_thumbnail = _upright_exif(metadata.exif or b"")
    icc, xmp, dpi = metadata.icc, without_promises(metadata.xmp or b""), metadata.dpi
    kept_xmp = xmp == (metadata.xmp or b"")
    if icc is not None and (is_cmyk(icc) or not is_sound(icc)):
        icc = None
    if (orientation != 1 or by_container) and xmp:
        xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    if is_transposed(orientation) and xmp:
        xmp = _XMP_SIDE.sub(lambda found: _OTHER_SIDE[found[0]], xmp)
    if dpi is not None:
        dpi = dpi[::-1] if is_transposed(orientation) else dpi
        dpi = dpi if min(dpi) >= 1 and max(dpi) <= MAX_DPI else None
    gain_map = metadata.gain_map if orientation == 1 else None
    changes = {
        Change.GAIN_MAP: gain_map != metadata.gain_map,
        Change.ORIENTATION: orientation != 1,
        Change.PROFILE: icc != metadata.icc,
        Change.METADATA: has_thumbnail
        or (not kept_xmp and gain_map is None)  # with a map, XMP is to promise that anew
        or (metadata.exif is not None and exif is None)
        or (metadata.dpi is not None and dpi is None),
    }
    kept = replace(metadata, icc=icc, exif=exif, xmp=xmp or None, dpi=dpi, gain_map=gain_map)
    return orientation, kept, those_of(changes)


def with_sides_exchanged(described: bytes) -> bytes:
    """Return EXIF, or another directory, with its entries for rows and columns exchanged."""
    first = ifd.first_directory(described)
    if first is None:
        return described
    turned = bytearray(described)
    _exchange_sides(turned, first)
    return bytes(turned)


def profile_by_exif(exif: bytes | None) -> bytes | None:
    """Return the profile of Adobe RGB if EXIF declares this colour space; None otherwise.

    DCF 2.0, section 4.3, declares it by an uncalibrated colour space and the interoperability index
    R03; some cameras write the colour space 2 instead.
    """
    first = ifd.first_directory(exif or b"")
    try:
        described = ifd.tree(first).get(Tag.EXIF) if first else None
    except ValueError:
        return None
    if not isinstance(described, dict):
        return None
    space, index = described.get(Tag.COLOUR_SPACE), described.get(Tag.INTEROPERABILITY)
    if not isinstance(space, ifd.Field) or space.kind != ifd.SHORT or space.count != 1:
        return None
    rule = index.get(_INDEX) if isinstance(index, dict) else None
    has_rule = isinstance(rule, ifd.Field) and bytes(rule.value[:3]) == b"R03"
    values = {bytes(space.value), bytes(space.value)[::-1]}  # either byte order
    marked = b"\0\2" in values or (b"\xff\xff" in values and has_rule)
    return adobe_rgb() if marked else None


def _upright_exif(exif: bytes) -> tuple[int, bytes | None, bool]:
    """Return the orientation, EXIF without it, and whether there was a thumbnail."""
    first = ifd.first_directory(exif)
    if first is None:
        return 1, None, False
    turned = bytearray(exif)
    has_thumbnail = any(turned[first.link : first.link + 4])
    turned[first.link : first.link + 4] = bytes(4)
    orientation = first.fields.get(Tag.ORIENTATION)
    value = 1
    if orientation is not None and orientation.count == 1:
        value, size = first.integer(Tag.ORIENTATION, 1), len(orientation.value)
        one = (1).to_bytes(size, "little" if first.order == "<" else "big")
        turned[orientation.position : orientation.position + size] = one
    if value not in range(1, 9):
        value = 1
    if is_transposed(value):
        _exchange_sides(turned, first)
    return value, bytes(turned), has_thumbnail


def _exchange_sides(exif: bytearray, first: ifd.Directory) -> None:
    """Exchange the entries of EXIF for rows and columns, where both are of the same type."""
    try:
        fields = ifd.tree(first)
    except ValueError:
        return
    for level in (fields, fields.get(Tag.EXIF)):
        if not isinstance(level, dict):
            continue
        for pair in _SIDES:
            across, down = map(level.get, pair)
            if not (isinstance(across, ifd.Field) and isinstance(down, ifd.Field)):
                continue
            if (across.kind, across.count) == (down.kind, down.count):
                length, values = len(across.value), (bytes(down.value), bytes(across.value))
                for side, value in zip((across, down), values, strict=True):
                    exif[side.position : side.position + length] = value
