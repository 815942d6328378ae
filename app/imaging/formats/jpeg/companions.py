"""What phones and cameras put beside the still picture in a JPEG file: films, maps, more pictures.

They lie behind its end, or in segments, and belong to the picture as it was shot. Android's motion
photo and Ultra HDR formats, and CIPA DC-007 (multi-picture format), describe them.
"""

from collections.abc import Iterator

from app.imaging.formats.jpeg.stream import APP1, APP2, Frame
from app.imaging.picture import Change, Changes

MULTI_PICTURE = b"MPF\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"

_SEARCHED = 1 << 16  # bytes behind the end of the picture in which what is there has its name
_FILM = (b"MotionPhoto", b"MicroVideo")
_GAIN_MAP = (b"hdr-gain-map", b"HDRGainMap", b"GainMap", b"urn:iso:std:iso:ts:21496")
_DEPTH_MAP = (b"photos/1.0/depthmap", b"DepthMap", b'Semantic="Depth"')


def companions(frame: Frame, trailer: bytes | memoryview) -> Changes:
    """Return what the file holds beside its image; `trailer` is all behind that one's end."""
    return frozenset(_found(frame, bytes(trailer[:_SEARCHED])))


def _found(frame: Frame, trailer: bytes) -> Iterator[Change]:
    said = [body for marker, body in frame.described if marker in (APP1, APP2)]

    def is_named(*names: bytes) -> bool:
        return any(name in text for name in names for text in (*said, trailer))

    if trailer[4:8] == b"ftyp" or (trailer and is_named(*_FILM)):
        yield Change.FILM
    is_long = any(body.startswith(EXTENDED_XMP) for body in said)
    if trailer and is_named(*_GAIN_MAP):
        yield Change.GAIN_MAP
    if (trailer or is_long) and is_named(*_DEPTH_MAP):
        yield Change.DEPTH_MAP
    has_more = any(body.startswith(MULTI_PICTURE) for body in said) or b"\xff\xd8\xff" in trailer
    if has_more and not is_named(*_GAIN_MAP, *_DEPTH_MAP):
        yield Change.PICTURES
    if is_long or trailer.strip(b"\0\r\n "):
        yield Change.METADATA
