"""Gain maps, by which brighter screens show a picture with a higher dynamic range.

A map is a JPEG after that of the picture, by Android's Ultra HDR format 1.1 or ISO 21496-1. It is
returned unchanged; its position is declared anew, by an index (CIPA DC-007, multi-picture format)
and by XMP.
"""

import re
import struct

from app.imaging.formats.jpeg.frame import read_frame
from app.imaging.formats.jpeg.segments import (
    APP1,
    APP2,
    EOI,
    SOI,
    EndMissing,
    segments,
    write_segment,
)
from app.imaging.picture import ImagingError

MULTI_PICTURE = b"MPF\0"
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
ADOBE = b"http://ns.adobe.com/hdr-gain-map/1.0/"

_BEGINNING = bytes([0xFF, SOI, 0xFF])
_PRIMARY = 0x03_0000  # type of a picture in the index: the primary one
_NO_VERSION = bytes(4)  # the least version that readers must support, and that of the writer
_RDF_END = re.compile(rb"</(\w+:)?RDF\s*>")
_PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>'
)
_DIRECTORY = b"""\
<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" rdf:about=""
 xmlns:Container="http://ns.google.com/photos/1.0/container/"
 xmlns:Item="http://ns.google.com/photos/1.0/container/item/"
 xmlns:hdrgm="%b" hdrgm:Version="1.0">
<Container:Directory><rdf:Seq>
<rdf:li rdf:parseType="Resource">
<Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>
<rdf:li rdf:parseType="Resource">
<Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="%d"/></rdf:li>
</rdf:Seq></Container:Directory></rdf:Description>
"""


def at_start(trailer: memoryview) -> bytes | None:
    """Return the gain map that directly follows a picture; None if there is none."""
    if trailer[:3] != _BEGINNING:
        return None
    data = bytes(trailer)
    try:
        frame = read_frame(data)
        end = next(each.end for each in segments(data, frame.scan) if each.marker == EOI)
    except (ImagingError, EndMissing, struct.error):
        return None
    is_map = any(
        (marker == APP2 and body.startswith(ISO)) or (marker == APP1 and ADOBE in body)
        for marker, body in frame.described
    )
    return data[:end] if is_map else None


def with_directory(xmp: bytes | None, gain_map: bytes) -> bytes | None:
    """Return the packet with a directory of picture and map, if the map is described by XMP."""
    packet = _PACKET if xmp is None else xmp
    ends = list(_RDF_END.finditer(packet))
    if ADOBE not in gain_map or not ends:
        return xmp
    place = ends[-1].start()
    return packet[:place] + _DIRECTORY % (ADOBE, len(gain_map)) + packet[place:]


def appended(head: bytes, pixels: memoryview, gain_map: bytes) -> bytes:
    """Return a picture followed by its map, with the index between its metadata and its pixels."""
    said = write_segment(APP2, ISO + _NO_VERSION) if ISO in gain_map else b""
    before = head + said
    size = len(before) + len(_index(0, 0, 0)) + len(pixels)
    start = len(before) + 4 + len(MULTI_PICTURE)  # from which the offsets in the index count
    return b"".join([before, _index(size, len(gain_map), size - start), pixels, gain_map])


def _index(size: int, map_size: int, map_offset: int) -> bytes:
    """Return the segment with the positions of two pictures: a directory as in TIFF files."""
    entries = struct.pack(">IIIHH", _PRIMARY, size, 0, 0, 0)
    entries += struct.pack(">IIIHH", 0, map_size, map_offset, 0, 0)
    fields = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    fields += struct.pack(">HHII", 0xB001, 4, 1, 2)
    fields += struct.pack(">HHII", 0xB002, 7, len(entries), 8 + 2 + 3 * 12 + 4)
    directory = struct.pack(">H", 3) + fields + bytes(4)
    return write_segment(APP2, MULTI_PICTURE + b"MM\0*\0\0\0\x08" + directory + entries)
