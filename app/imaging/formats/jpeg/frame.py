"""The frame header of a JPEG stream: the sides of the image, and its components and their meaning.

ITU-T T.81, B.2.2, defines the header; JFIF (T.871) and Adobe's segment (T.872) define the colours.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from app.imaging.formats.jpeg.segments import (
    APP0,
    APP14,
    DESCRIBING,
    DNL,
    SOS,
    TABLES,
    Segment,
    segments,
    write_segment,
    write_table,
)
from app.imaging.picture import UnreadableImage, UnsupportedImage

JFIF, ADOBE = b"JFIF\0", b"Adobe"

_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
PROGRESSIVE = 0xC2
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)


class Transform(IntEnum):
    """The meaning of the components, numbered as in Adobe's segment."""

    NONE = 0  # RGB or CMYK
    YCC = 1
    YCCK = 2


class Component(NamedTuple):
    """A component of a frame: its id, its sampling factors, its quantisation table."""

    name: int
    across: int
    down: int
    table: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The header of a stream: everything before the first scan."""

    width: int
    height: int
    process: int  # the marker of the frame
    components: tuple[Component, ...]
    tables: tuple[bytes, ...] = field(repr=False)  # whole segments
    described: tuple[tuple[int, bytes], ...] = field(repr=False)  # markers and contents
    scan: int = 0  # offset of the marker of the first scan

    @property
    def is_jfif(self) -> bool:
        """Whether a JFIF segment says that the components are grey or YCbCr."""
        return any(
            marker == APP0 and body.startswith(JFIF) and len(body) >= 14
            for marker, body in self.described
        )

    @property
    def adobe(self) -> int | None:
        """The transform declared by the last of Adobe's segments."""
        named = (
            body[11]
            for marker, body in reversed(self.described)
            if marker == APP14 and body.startswith(ADOBE) and len(body) >= 12
        )
        return next(named, None)

    @property
    def transform(self) -> Transform:
        """The meaning of the components, by JFIF, Adobe or their ids, with the priorities of
        libjpeg.
        """
        if len(self.components) == 4:
            return Transform.YCCK if self.adobe else Transform.NONE
        if self.is_jfif:
            return Transform.YCC
        if self.adobe is not None:
            return Transform.YCC if self.adobe else Transform.NONE
        names = bytes(component.name for component in self.components)
        return Transform.NONE if names == b"RGB" else Transform.YCC

    @property
    def _most(self) -> tuple[int, int]:
        """The largest sampling factors, across and down."""
        return max(c.across for c in self.components), max(c.down for c in self.components)

    @property
    def units(self) -> int:
        """The number of minimum coded units in a scan of several components (T.81, A.2.3)."""
        across, down = self._most
        return -(-self.width // (8 * across)) * -(-self.height // (8 * down))

    def blocks(self, component: Component) -> int:
        """Return the number of blocks of 8 x 8 coefficients of a component, padding included."""
        return self.units * component.across * component.down

    def seen_blocks(self, component: Component) -> int:
        """Return the number of blocks of a component in a scan of its own.

        Such a scan lacks those that only complete units of several components (T.81, A.2.2).
        """
        across, down = self._most
        width = -(-self.width * component.across // across)
        height = -(-self.height * component.down // down)
        return -(-width // 8) * -(-height // 8)


def read_frame(data: bytes) -> Frame:
    """Read the segments before the first scan.

    Raises `UnsupportedImage` for unsupported processes and samples, and `UnreadableImage` for
    whatever T.81 does not allow.
    """
    frames: list[Segment] = []
    tables: list[bytes] = []
    described: list[tuple[int, bytes]] = []
    for segment in segments(data, 2):
        marker, body = segment.marker, segment.body
        if marker == SOS:
            return _frame(frames, tables, described, segment.at)
        if marker in _OTHER_FRAMES:
            raise UnsupportedImage(
                "The JPEG image is lossless, arithmetic-coded or hierarchical, which is not "
                "supported; convert it to PNG or TIFF."
            )
        if marker in _FRAMES:
            frames.append(segment)
        elif marker in TABLES:
            tables.append(write_table(segment))
        elif marker in DESCRIBING:
            described.append((marker, body))
        elif marker != DNL:
            break
    raise UnreadableImage("The JPEG image ends before its pixels begin.")


def _frame(
    frames: list[Segment], tables: list[bytes], described: list[tuple[int, bytes]], scan: int
) -> Frame:
    if len(frames) != 1:
        raise UnreadableImage("The JPEG image has no header, or several.")
    ((marker, _, body, _),) = frames
    precision, height, width, count = struct.unpack_from(">BHHB", body)
    if precision != 8 or count not in (1, 3, 4):
        raise UnsupportedImage(
            f"A JPEG of {count} x {precision} bits is not supported; convert it to PNG or TIFF."
        )
    if len(body) != 6 + 3 * count:
        raise UnreadableImage("The header of the JPEG image is damaged.")
    components = tuple(
        Component(name, factors >> 4, factors & 15, table)
        for name, factors, table in struct.iter_unpack("BBB", body[6:])
    )
    factors = [factor for each in components for factor in (each.across, each.down)]
    names = {component.name for component in components}
    if not all(1 <= factor <= 4 for factor in factors) or len(names) != count:
        raise UnreadableImage("The components of the JPEG image make no sense.")
    return Frame(width, height, marker, components, tuple(tables), tuple(described), scan)


def write_frame(frame: Frame) -> bytes:
    """Return the segment that begins a frame of 8 bits."""
    head = struct.pack(">BHHB", 8, frame.height, frame.width, len(frame.components))
    body = [
        bytes([name, across << 4 | down, table]) for name, across, down, table in frame.components
    ]
    return write_segment(frame.process, head + b"".join(body))
