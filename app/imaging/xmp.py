"""Remove from XMP what is not true of the result: videos, gain maps, further packets.

Phones append those to an image and declare them in XMP; the result, which is the still image alone,
has none. The declarations are cut out without rewriting the packet, so that every other byte stays
the same. The names are those of Android's motion photo and Ultra HDR formats, Google's depth maps,
forerunners of ISO 21496-1, and XMP part 3, section 1.1.3.1, for packets too long for one segment.
"""

import re
from xml.parsers import expat

MAX_BYTES = 1 << 21  # of a packet that is parsed; real ones have some tens of thousands
MAX_DEPTH = 100  # of elements within each other; real ones have ten
MAX_NAMES = 50_000  # of elements and attributes; with a long history, real ones have 30,000

_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_GAIN_MAPS = ("http://ns.adobe.com/hdr-gain-map/1.0/", "http://ns.apple.com/HDRGainMap/1.0/")
_NOTE = "http://ns.adobe.com/xmp/note/"
_FURTHER = (  # whose data are in the packets that HasExtendedXMP promises
    "http://ns.google.com/photos/1.0/depthmap/",
    "http://ns.google.com/photos/1.0/image/",
    "http://ns.google.com/photos/1.0/audio/",
)
_FILM = ("MotionPhoto", "MicroVideo")
_TELLING = tuple(name.encode() for name in (_CAMERA, _CONTAINER, *_GAIN_MAPS, _NOTE))
_START = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=]+)\s*=\s*(?:"[^"]*"|'[^']*')""")
_SEPARATOR = " "  # between a namespace and a name


class _Unclear(Exception):
    """The structure of the packet is ambiguous."""


def without_promises(xmp: bytes) -> bytes | None:
    """Return the packet without its references to other parts of its file.

    Returns the same packet if there are none, and None if there are any in a packet that is too
    long, has too many elements, is damaged, or defines entities.
    """
    if not any(name in xmp for name in _TELLING):
        return xmp
    if len(xmp) > MAX_BYTES:
        return None
    further = _FURTHER if b"HasExtendedXMP" in xmp else ()
    try:
        cuts = _Cuts(xmp, further).found()
    except (_Unclear, expat.ExpatError, ValueError):
        return None
    kept, position = [], 0
    for start, end in sorted(cuts):
        kept.append(xmp[position:start])
        position = max(position, end)
    return b"".join([*kept, xmp[position:]])


class _Cuts:
    """The spans of a packet to cut: attributes, and elements with their content."""

    def __init__(self, xmp: bytes, further: tuple[str, ...]) -> None:
        self._xmp, self._further = xmp, further
        self._spans: list[tuple[int, int]] = []
        self._depth, self._cut_depth, self._cut_start = 0, 0, 0
        self._names = 0
        self._empty_end = 0
        """Where the element that has just begun ends, if it is an empty one; else 0."""

    def found(self) -> list[tuple[int, int]]:
        self._parser = expat.ParserCreate("UTF-8", _SEPARATOR)
        self._parser.ordered_attributes = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.Parse(self._xmp, True)
        return self._spans

    def _refuse(self, *_: object) -> None:
        raise _Unclear

    def _start(self, name: str, attributes: list[str]) -> None:
        start = self._parser.CurrentByteIndex
        tag = _START.match(self._xmp, start)
        if tag is None:
            raise _Unclear
        self._depth += 1
        self._names += 1 + len(attributes) // 2
        if self._depth > MAX_DEPTH or self._names > MAX_NAMES:
            raise _Unclear
        self._empty_end = tag.end() if tag[0].endswith(b"/>") else 0
        if self._cut_depth:
            return
        if self._promises(name):
            self._cut_depth, self._cut_start = self._depth, start
            return
        given = [each for each in _ATTRIBUTE.finditer(tag[0]) if not each[1].startswith(b"xmlns")]
        for place, attribute in zip(given, attributes[::2], strict=True):
            if self._promises(attribute):
                self._spans.append((start + place.start(), start + place.end()))

    def _end(self, _: str) -> None:
        end = self._empty_end or self._xmp.index(b">", self._parser.CurrentByteIndex) + 1
        if self._depth == self._cut_depth:
            self._spans.append((self._cut_start, end))
            self._cut_depth = 0
        self._depth -= 1
        self._empty_end = 0

    def _promises(self, qualified: str) -> bool:
        namespace, _, name = qualified.rpartition(_SEPARATOR)
        return (
            namespace in (_CONTAINER, *_GAIN_MAPS, *self._further)
            or (namespace == _CAMERA and name.startswith(_FILM))
            or (namespace == _NOTE and name == "HasExtendedXMP")
        )
