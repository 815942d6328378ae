"""What phones and cameras store besides the still image in a JPEG file: videos, maps, more
pictures.

They lie after its end or in segments, and belong to the unmodified picture. Android's motion photo
and Ultra HDR formats, and CIPA DC-007 (multi-picture format), describe them.
"""

from collections.abc import Iterator

from app.imaging.formats.jpeg.frame import Frame
from app.imaging.formats.jpeg.gain_map import MULTI_PICTURE
from app.imaging.formats.jpeg.segments import APP1, APP2
from app.imaging.formats.trailer import PADDING
from app.imaging.picture import Change, Changes

EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"

_SEARCHED = 1 << 16  # bytes after the picture in which the type of a companion is found
_FILM = (b"MotionPhoto", b"MicroVideo")
_GAIN_MAP = (b"hdr-gain-map", b"HDRGainMap", b"GainMap", b"urn:iso:std:iso:ts:21496")
_DEPTH_MAP = (b"photos/1.0/depthmap", b"DepthMap", b'Semantic="Depth"')


def companions(frame: Frame, trailer: memoryview, has_gain_map: bool) -> Changes:
    """Return what the file contains besides its image and, if it is kept, the gain map.

    `trailer` is everything that follows these two.
    """
    return frozenset(_found(frame, bytes(trailer[:_SEARCHED]), has_gain_map))


def _found(frame: Frame, trailer: bytes, has_gain_map: bool) -> Iterator[Change]:
    said = [body for marker, body in frame.described if marker in (APP1, APP2)]

    def is_named(*names: bytes) -> bool:
        return any(name in text for name in names for text in (*said, trailer))

    if trailer[4:8] == b"ftyp" or (trailer and is_named(*_FILM)):
        yield Change.FILM
    is_long = any(body.startswith(EXTENDED_XMP) for body in said)
    gain_map = () if has_gain_map else _GAIN_MAP
    if trailer and is_named(*gain_map):
        yield Change.GAIN_MAP
    if (trailer or is_long) and is_named(*_DEPTH_MAP):
        yield Change.DEPTH_MAP
    has_index = any(body.startswith(MULTI_PICTURE) for body in said) and not has_gain_map
    has_more = has_index or b"\xff\xd8\xff" in trailer
    if has_more and not is_named(*gain_map, *_DEPTH_MAP):
        yield Change.PICTURES
    if is_long or trailer.strip(PADDING):
        yield Change.METADATA
