"""The frames of a JPEG XL image: layers, which libjxl merges into one, and frames that are never
shown on their own. Each may cost as much as the whole image, however few bytes it has.

ISO/IEC 18181-1, annex F: the headers are parsed here, and each frame is skipped by the lengths of
its sections.
"""

import itertools
import math
from dataclasses import dataclass

from app.imaging.formats.jxl.bits import Choice, Reader, Writer
from app.imaging.formats.jxl.header import GREY, Colours, Head, write_head
from app.imaging.formats.jxl.libjxl import COLOUR_ENCODING, FRAME, decoder, libjxl
from app.imaging.picture import UnreadableImage, UnsupportedImage

MAX_FRAMES = 1000
MAX_TIMES = 8
MORE_PIXELS = 1 << 26
"""Maximum pixels of all frames together: a multiple of those of the image, and an allowance, which
takes a second to merge.
"""
LARGEST = 1 << 32
"""Pixels of an image; a larger one is refused anyway."""

REGULAR, LOW_RESOLUTION, REFERENCE, SKIP_PROGRESSIVE = range(4)  # types of frames
_FROM_LOW_RESOLUTION = 32  # a flag
_REPLACE, _BLEND, _ADD_WEIGHTED, _MULTIPLY = 0, 2, 3, 4  # blend modes

_SIDE: tuple[Choice, ...] = ((0, 8), (256, 11), (2304, 14), (18_688, 30))
_SECTION: tuple[Choice, ...] = ((0, 10), (1024, 14), (17_408, 22), (4_211_712, 30))
_PASSES: tuple[Choice, ...] = ((1, 0), (2, 0), (3, 0), (4, 3))
_NAME: tuple[Choice, ...] = ((0, 0), (0, 4), (16, 5), (48, 10))
_SECTION_BITS = 12  # of the length of a section, at least
_ORDER_BYTES, _SECTION_BYTES = 4096, 16  # of the code of an order, and of each section in it
_FILTERS = ((1, 1), (0, 6), (2, 7))  # values and sizes in bits of the restoration filter


@dataclass(frozen=True, slots=True)
class _Frame:
    """The declarations of a frame header about its size and its position among others."""

    kind: int
    width: int
    height: int
    upsampling: int
    """The upsampling factor."""
    group: int
    """The side of its groups, in pixels before upsampling."""
    passes: int
    last: bool

    @property
    def pixels(self) -> int:
        """The number of pixels after upsampling."""
        return self.width * self.height

    @property
    def stored(self) -> tuple[int, int]:
        """The width and height before upsampling."""
        return -(-self.width // self.upsampling), -(-self.height // self.upsampling)

    @property
    def sections(self) -> int:
        """The number of sections, which are those of groups, and of squares of 8 x 8 groups."""
        groups, larger = (
            math.prod(-(-side // part) for side in self.stored)
            for part in (self.group, 8 * self.group)
        )
        return 1 if self.passes == groups == 1 else 2 + larger + self.passes * groups


def check_frames(codestream: bytes, head: Head) -> None:
    """Raise `UnsupportedImage` for too many frames, or too many pixels in all of them.

    Raises `UnreadableImage` if the file ends before the last frame. Nothing is decoded, and images
    of more than LARGEST pixels are not checked. Without the functions of libjxl, the check ends at
    the first frame that cannot be located.
    """
    size = head.width * head.height
    most = MAX_TIMES * size + MORE_PIXELS
    if size > LARGEST:
        return
    position = _first_frame(codestream, head)
    pixels = 0
    for _ in range(MAX_FRAMES):
        if position is None:
            return
        reader = Reader(codestream, position)
        frame = _frame(reader, head)
        is_merged = frame.kind in (REGULAR, SKIP_PROGRESSIVE)
        pixels += max(frame.pixels, size) if is_merged else frame.pixels
        if pixels > most:
            raise UnsupportedImage(
                "The JPEG XL image has too many layers for its size: "
                f"more than {most} pixels in all."
            )
        if frame.last:
            return
        is_permuted = reader.bits()
        position = (_after_permuted if is_permuted else _after)(reader, frame)
    raise UnsupportedImage(f"The JPEG XL image has more than {MAX_FRAMES} layers.")


def _first_frame(codestream: bytes, head: Head) -> int | None:
    """Return where the first frame begins, found by libjxl if a profile precedes it."""
    if not head.colours.profile:
        return -(-head.bits // 8)
    library = libjxl()
    if library is None:
        return None
    with decoder(library, codestream, COLOUR_ENCODING) as found:
        if library.JxlDecoderProcessInput(found) != COLOUR_ENCODING:
            raise UnreadableImage("The colour profile of the JPEG XL image is damaged.")
        left: int = library.JxlDecoderReleaseInput(found)
        return len(codestream) - left


def _after(reader: Reader, frame: _Frame) -> int:
    """Return where the next frame begins, by the lengths of the sections of this one."""
    reader.align()
    if frame.sections * _SECTION_BITS > reader.left:
        raise UnreadableImage("The JPEG XL image is truncated.")
    length = sum(reader.number(*_SECTION) for _ in range(frame.sections))
    reader.align()
    return reader.position // 8 + length


def _after_permuted(reader: Reader, frame: _Frame) -> int | None:
    """Return where the next frame begins, if the sections of this one are permuted.

    The permutation is entropy-coded, and the lengths of the sections follow it, so libjxl has to
    decode both; without its functions, this returns None. libjxl reports shown frames only, so it
    is given an image that stands in for this one, and then zeros: it skips as many of them as the
    sections are long, and reads the header of another frame from the next. The sections end where
    that header begins.
    """
    library = libjxl()
    if library is None:
        return None
    head, stream = _stand_in(reader, frame)
    with decoder(library, stream, FRAME) as found:
        library.JxlDecoderSetCoalescing(found, 0)
        if library.JxlDecoderProcessInput(found) != FRAME:
            raise UnreadableImage("The JPEG XL image is truncated or damaged.")
        left: int = library.JxlDecoderReleaseInput(found)
        sections = reader.position // 8 - left
        zeros = bytes(reader.left // 8 + left + _zero_frame(head))
        library.JxlDecoderSetInput(found, zeros, len(zeros))
        if library.JxlDecoderProcessInput(found) != FRAME:
            raise UnreadableImage("The JPEG XL image is truncated.")
        rest: int = library.JxlDecoderReleaseInput(found)
        return sections + len(zeros) - rest - _zero_frame(head)


def _stand_in(reader: Reader, frame: _Frame) -> tuple[Head, bytes]:
    """Return the header and the stream of an image that ends with the next bits of the reader.

    Its only frame is shown, and has as many sections. The bits are the permutation and the lengths
    of the sections, and a little more. They keep their position within a byte, since the lengths
    begin at a byte boundary.
    """
    head = Head(*frame.stored, lossy=False, colours=Colours(GREY))
    start = reader.position % 8
    for name, filters in itertools.product(range(len(_NAME)), _FILTERS):
        writer = Writer()
        writer.bits(0b1000, 4 + 2 + 1)  # a shown frame, modular, no flags, no YCbCr
        writer.bits(0, 2)  # no upsampling
        writer.bits((frame.group // 128).bit_length() - 1, 2)
        writer.number(frame.passes, *_PASSES)
        writer.bits(0, 2 * frame.passes if frame.passes > 1 else 0)
        writer.bits(0, 1 + 2 + 1 + 2 + 1)  # whole, replaces others, not the last, not a reference
        least, bits = _NAME[name]
        writer.bits(name, 2 + bits + 8 * least)
        writer.bits(*filters)
        writer.bits(0, 2)  # no extensions
        writer.bits(1)  # with a permutation of sections
        if writer.size % 8 == start:
            break
    count = min(reader.left, 8 * (_ORDER_BYTES + _SECTION_BYTES * frame.sections))
    count -= (writer.size + count) % 8
    writer.bits(reader.bits(count), count)
    return head, write_head(head, profile=False).taken() + writer.taken()


def _zero_frame(head: Head) -> int:
    """Return the number of zero bytes that libjxl takes for a frame, which has empty sections."""
    reader = Reader(bytes(64))
    frame = _frame(reader, head)
    header = -(-(reader.position + 1) // 8)
    return header + -(-frame.sections * _SECTION_BITS // 8)


def _frame(reader: Reader, head: Head) -> _Frame:
    """Read the header of a frame."""
    if reader.bits():
        return _Frame(REGULAR, head.width, head.height, 1, 256, 1, last=True)
    kind, modular = reader.bits(2), bool(reader.bits())
    upsampling, group = _coding(reader, head, modular)
    passes = _passes(reader) if kind != REFERENCE else 1
    width, height, partial = _place(reader, head, kind)
    last = _skip_merging(reader, head, kind, partial)
    reader.bits(8 * reader.number(*_NAME))
    _skip_filters(reader, modular)
    reader.no_extensions()
    return _Frame(kind, width, height, upsampling, group, passes, last)


def _coding(reader: Reader, head: Head, modular: bool) -> tuple[int, int]:
    """Read the upsampling factor of a frame, and the side of its groups in pixels."""
    flags = _flags(reader)
    ycc = not head.lossy and bool(reader.bits())
    upsampling = 1
    if not flags & _FROM_LOW_RESOLUTION:
        reader.bits(6 if ycc else 0)
        upsampling = 1 << reader.bits(2)
        reader.bits(2 * head.extra_channels)
    if modular:
        return upsampling, 128 << reader.bits(2)
    reader.bits(6 if head.lossy else 0)
    return upsampling, 256


def _flags(reader: Reader) -> int:
    """Read the flags, a number of up to 64 bits (U64), of which flags need at most 12."""
    match reader.bits(2):
        case 0:
            return 0
        case 1:
            return 1 + reader.bits(4)
        case 2:
            return 17 + reader.bits(8)
    raise UnsupportedImage("The JPEG XL image has frames of a kind that is not read here.")


def _passes(reader: Reader) -> int:
    passes = reader.number(*_PASSES)
    if passes > 1:
        previews = reader.number((0, 0), (1, 0), (2, 0), (3, 1))
        reader.bits(2 * (passes - 1) + 2 * previews)
        for _ in range(previews):
            reader.number((0, 0), (1, 0), (2, 0), (0, 3))
    return passes


def _place(reader: Reader, head: Head, kind: int) -> tuple[int, int, bool]:
    """Read the width and height of a frame, and whether it covers only part of the image."""
    width, height = head.width, head.height
    if kind == LOW_RESOLUTION:
        shift = 3 * (1 + reader.bits(2))
        return -(-width >> shift), -(-height >> shift), False
    if not reader.bits():
        return width, height, False
    left, top = (0, 0) if kind == REFERENCE else (_signed(reader), _signed(reader))
    right, bottom = (start + reader.number(*_SIDE) for start in (left, top))
    partial = left > 0 or top > 0 or right < width or bottom < height
    return right - left, bottom - top, partial


def _signed(reader: Reader) -> int:
    number = reader.number(*_SIDE)
    return -(number + 1 >> 1) if number & 1 else number >> 1


def _skip_merging(reader: Reader, head: Head, kind: int, partial: bool) -> bool:
    """Skip the blending of a frame with others; return whether it is the last."""
    replaces = last = False
    if kind in (REGULAR, SKIP_PROGRESSIVE):
        channels = [_replaces(reader, head, partial) for _ in range(1 + head.extra_channels)]
        replaces, last = channels[0], bool(reader.bits())
    if not last and kind != LOW_RESOLUTION:
        reader.bits(2)
        if kind == REFERENCE or (replaces and not partial):
            reader.bits()
    return last


def _replaces(reader: Reader, head: Head, partial: bool) -> bool:
    """Read the blend mode of a channel; return whether it replaces what is below."""
    how = reader.number((0, 0), (1, 0), (2, 0), (3, 2))
    by_alpha = head.extra_channels > 0 and how in (_BLEND, _ADD_WEIGHTED)
    if by_alpha:
        reader.number((0, 0), (1, 0), (2, 0), (3, 3))
    if by_alpha or how == _MULTIPLY:
        reader.bits()
    if how != _REPLACE or partial:
        reader.bits(2)
    return how == _REPLACE


def _skip_filters(reader: Reader, modular: bool) -> None:
    """Skip the restoration filter of a frame, whose weights have 16 bits each."""
    if reader.bits():
        return
    if reader.bits() and reader.bits():
        reader.bits(16 * 6)
    if reader.bits(2):
        if not modular and reader.bits():
            reader.bits(16 * 8)
        if reader.bits():
            reader.bits(16 * 5)
        if reader.bits():
            reader.bits(16 * (3 if modular else 4))
        if modular:
            reader.bits(16)
    reader.no_extensions()
