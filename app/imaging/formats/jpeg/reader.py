"""Read JPEG: structure and metadata by our own parser, pixels by libjpeg-turbo.

Application segments are those of JFIF, Exif, XMP part 3, and ICC.1 annex B.
"""

import struct
from dataclasses import replace

import imagecodecs
import numpy as np

from app.imaging.formats.jpeg import gain_map as gain_maps
from app.imaging.formats.jpeg.coding import coding
from app.imaging.formats.jpeg.companions import companions
from app.imaging.formats.jpeg.ending import decode_whole
from app.imaging.formats.jpeg.frame import JFIF, Frame, read_frame
from app.imaging.formats.jpeg.rebuild import rebuild
from app.imaging.formats.jpeg.segments import APP0, APP1, APP2, APP13, APP14, COM, write_segment
from app.imaging.metadata import EXIF_PREFIX
from app.imaging.picture import Change, Changes, Format, Header, Metadata, Picture
from app.imaging.samples import Samples, cmyk_to_rgb, deinterleave

ICC = b"ICC_PROFILE\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
_JFIF_BODY = 14  # bytes without a thumbnail


def read_header(data: bytes) -> Header:
    """Read up to the first scan."""
    frame = read_frame(data)
    return Header(Format.JPEG, frame.width, frame.height)


def decode(data: bytes) -> Picture:
    """Decode grey, YCbCr or RGB, and CMYK or YCCK, which become RGB."""
    frame = read_frame(data)

    def pixels(stream: bytes) -> tuple[Samples, int]:
        rebuilt = rebuild(stream, frame, frame.transform)
        return np.asarray(imagecodecs.jpeg8_decode(rebuilt.stream)), rebuilt.end

    samples, end = decode_whole(data, frame, pixels)
    behind = memoryview(b"" if end is None else data)[end:]
    gain_map = gain_maps.at_start(behind)
    metadata = replace(_metadata(frame), gain_map=gain_map)
    rest, is_kept = behind[len(gain_map or b"") :], gain_map is not None
    changes = _changes(frame, is_kept) | companions(frame, rest, is_kept)
    if end is None:
        changes |= {Change.END}
    if len(frame.components) == 4:
        # Adobe's programs store inverted inks, and readers assume that all others do, too
        samples = cmyk_to_rgb(np.invert(samples), metadata.icc)
    return Picture(*deinterleave(samples), Format.JPEG, metadata, changes)


def _changes(frame: Frame, has_gain_map: bool) -> Changes:
    """Return the changes: inks become RGB, and segments of unknown metadata are dropped."""
    changes = {Change.COLOURS} if len(frame.components) == 4 else set()
    anew = (gain_maps.MULTI_PICTURE, gain_maps.ISO) if has_gain_map else ()
    known = [_carried(*segment) for segment in frame.described if not segment[1].startswith(anew)]
    repeated = [kind for kind in known if kind in (EXIF_PREFIX, XMP)]
    if None in known or len(repeated) > len(set(repeated)):
        changes.add(Change.METADATA)
    return frozenset(changes)


def _carried(marker: int, body: bytes) -> bytes | None:
    """Return the kind of a segment whose contents the result retains; None for all others."""
    if marker in (APP13, APP14, COM):
        return b""
    if marker == APP0 and body.startswith(JFIF) and len(body) <= _JFIF_BODY:
        return None if _is_ratio(body) else JFIF
    kinds = {APP1: (EXIF_PREFIX, XMP), APP2: (ICC,)}.get(marker, ())
    return next((kind for kind in kinds if body.startswith(kind)), None)


def _metadata(frame: Frame) -> Metadata:
    exif = xmp = dpi = None
    profile: dict[int, bytes] = {}
    native = []
    for marker, body in frame.described:
        if marker == APP0 and body.startswith(JFIF) and len(body) >= 12:
            dpi = _density(body)
        elif marker == APP1 and body.startswith(EXIF_PREFIX):
            exif = exif or body.removeprefix(EXIF_PREFIX)
        elif marker == APP1 and body.startswith(XMP):
            xmp = xmp or body.removeprefix(XMP)
        elif marker == APP2 and body.startswith(ICC) and len(body) > 14:
            profile[body[12]] = body[14:]
        elif marker in (APP13, COM):  # IPTC, and a plain comment
            native.append(write_segment(marker, body))
    icc = b"".join(part for _, part in sorted(profile.items())) or None
    return Metadata(icc, exif, xmp, dpi, native=tuple(native), jpeg=coding(frame))


def _is_ratio(jfif: bytes) -> bool:
    """Return whether a segment states an aspect ratio of pixels other than 1, but no density."""
    if len(jfif) < 12:
        return False
    unit, across, down = struct.unpack_from(">BHH", jfif, 7)
    return bool(unit == 0 and across and down and across != down)


def _density(jfif: bytes) -> tuple[float, float] | None:
    unit, across, down = struct.unpack_from(">BHH", jfif, 7)
    inch = {1: 1.0, 2: 2.54}.get(unit)
    return (across * inch, down * inch) if inch and across and down else None
