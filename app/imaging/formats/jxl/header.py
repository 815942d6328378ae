"""The header of a JPEG XL codestream: ISO/IEC 18181-1, annexes A (sizes) and D (metadata).

It is read bit by bit up to the colours, and can be rewritten with others. It may be followed by a
profile, and then, at a byte boundary, by the frames.
"""

from dataclasses import dataclass

from app.imaging.formats.jxl.bits import Choice, Reader, Writer
from app.imaging.picture import UnreadableImage, UnsupportedImage

SIGNATURE = b"\xff\x0a"

RGB, GREY = 0, 1  # colour spaces
LINEAR, SRGB = 8, 13  # transfer functions, numbered as in ITU-T H.273
ALPHA, DEPTH_MAP = 0, 1  # types of extra channels

_SIDE: tuple[Choice, ...] = ((1, 9), (1, 13), (1, 18), (1, 30))
_RATIOS = {1: (1, 1), 2: (6, 5), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_BITS: tuple[Choice, ...] = ((8, 0), (10, 0), (12, 0), (1, 6))
_FLOAT_BITS: tuple[Choice, ...] = ((32, 0), (16, 0), (24, 0), (1, 6))
_CHANNELS: tuple[Choice, ...] = ((0, 0), (1, 0), (2, 4), (1, 12))
_CHROMATICITY: tuple[Choice, ...] = ((0, 19), (524_288, 19), (1_048_576, 20), (2_097_152, 21))
_LONGEST = 4096  # bytes that are read: a header has about a hundred, without names
_D65, _CUSTOM = 1, 2
_RELATIVE = 1  # rendering intent


@dataclass(frozen=True, slots=True)
class Samples:
    """The sample type: integers or floating point of a number of bits."""

    bits: int = 8
    exponent: int = 0
    """Bits of a float's exponent; 0 for integers."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The colour encoding; `transfer` is 0 if it is none of the named ones."""

    space: int = RGB
    profile: bool = False
    """Whether a colour profile defines the rest."""
    plain: bool = True
    """Whether white point and primaries are those of sRGB."""
    transfer: int = SRGB

    @property
    def is_srgb(self) -> bool:
        """Whether this is the encoding assumed for pictures without a profile."""
        return not self.profile and self.plain and self.transfer == SRGB


@dataclass(frozen=True, slots=True)
class Head:
    """The header of a codestream; `width` and `height` are as stored, before any orientation."""

    width: int
    height: int
    orientation: int = 1
    animated: bool = False
    samples: Samples = Samples()
    alpha: bool = False
    premultiplied: bool = False
    depth_map: bool = False
    lossy: bool = True
    """Whether colours are stored in a perceptual space (XYB), which lossless files never use."""
    colours: Colours = Colours()
    bits: int = 0
    """The end of the header, in bits."""

    @property
    def extra_channels(self) -> int:
        """The number of channels other than colours."""
        return self.alpha + self.depth_map


def read_head(data: bytes) -> Head:
    """Return the header of a codestream; raises `UnreadableImage` and `UnsupportedImage`.

    The header of an animation is read only up to the declaration that it is one.
    """
    if data[:2] != SIGNATURE:
        raise UnreadableImage("The JPEG XL image has no beginning.")
    reader = Reader(data[:_LONGEST])
    reader.bits(16)
    width, height = _size(reader)
    if reader.bits():
        reader.bits()
        return Head(width, height, bits=reader.position)
    extra = reader.bits()
    orientation, animated = _presentation(reader) if extra else (1, False)
    if animated:
        return Head(width, height, orientation, animated=True)
    samples = _samples(reader)
    reader.bits()
    alphas, depth_maps = _channels(reader)
    lossy = bool(reader.bits())
    colours = _colours(reader)
    if extra and not reader.bits():
        reader.bits(16 + 16 + 1 + 16)
    reader.no_extensions()
    if not reader.bits():
        raise UnsupportedImage("The JPEG XL image has colour transforms of its own: not read here.")
    return Head(
        width=width,
        height=height,
        orientation=orientation,
        samples=samples,
        alpha=bool(alphas),
        premultiplied=any(alphas),
        depth_map=depth_maps > 0,
        lossy=lossy,
        colours=colours,
        bits=reader.position,
    )


def write_head(head: Head, profile: bool) -> Writer:
    """Return the header of a lossless, upright file of samples, perhaps before a `profile`."""
    writer = Writer()
    writer.bits(int.from_bytes(SIGNATURE, "little"), 16)
    writer.bits(0)
    writer.number(head.height, *_SIDE)
    writer.bits(0, 3)
    writer.number(head.width, *_SIDE)
    writer.bits(0, 2)  # neither all as usual, nor more than that
    _write_samples(writer, head.samples)
    writer.bits(head.samples.bits <= 12 and not head.samples.exponent)  # buffers of 16 bits do
    writer.number(int(head.alpha), *_CHANNELS)
    if head.alpha:
        writer.bits(0)
        writer.kind(ALPHA)
        _write_samples(writer, head.samples)
        writer.number(0, (0, 0), (3, 0), (4, 0), (1, 3))
        writer.bits(0, 3)  # no name, and not premultiplied
    writer.bits(0)
    writer.bits(0)
    writer.bits(profile)
    writer.kind(head.colours.space)
    if not profile:
        writer.kind(_D65)
        if head.colours.space != GREY:
            writer.kind(1)  # primaries of sRGB
        writer.bits(0)
        writer.kind(head.colours.transfer)
        writer.kind(_RELATIVE)
    writer.bits(0, 2)
    writer.bits(1)
    return writer


def _size(reader: Reader) -> tuple[int, int]:
    """Read the width and height."""
    small = reader.bits()
    height = 8 * (1 + reader.bits(5)) if small else reader.number(*_SIDE)
    ratio = reader.bits(3)
    if ratio:
        over, under = _RATIOS[ratio]
        return height * over // under, height
    return 8 * (1 + reader.bits(5)) if small else reader.number(*_SIDE), height


def _presentation(reader: Reader) -> tuple[int, bool]:
    """Read the orientation, and whether this is an animation."""
    orientation = 1 + reader.bits(3)
    if reader.bits():
        _size(reader)  # at which to show it
    if reader.bits():
        raise UnsupportedImage("The JPEG XL image has a preview, which is not read here.")
    return orientation, bool(reader.bits())


def _samples(reader: Reader) -> Samples:
    if reader.bits():
        bits = reader.number(*_FLOAT_BITS)
        return Samples(bits, 1 + reader.bits(4))
    return Samples(reader.number(*_BITS))


def _write_samples(writer: Writer, samples: Samples) -> None:
    writer.bits(samples.exponent > 0)
    writer.number(samples.bits, *(_FLOAT_BITS if samples.exponent else _BITS))
    if samples.exponent:
        writer.bits(samples.exponent - 1, 4)


def _channels(reader: Reader) -> tuple[list[bool], int]:
    """Return for each alpha whether colours were multiplied by it, and how many depth maps there
    are: at most one of either, since each takes as much memory as the image.
    """
    kinds = [_channel(reader) for _ in range(reader.number(*_CHANNELS))]
    alphas = [associated for kind, associated in kinds if kind == ALPHA]
    if len(alphas) > 1 or len(kinds) - len(alphas) > 1:
        raise UnsupportedImage("The JPEG XL image has channels besides colours, alpha and depth.")
    return alphas, len(kinds) - len(alphas)


def _channel(reader: Reader) -> tuple[int, bool]:
    """Return the type of an extra channel, and whether colours are premultiplied by it."""
    if reader.bits():
        return ALPHA, False
    kind = reader.kind()
    _samples(reader)
    reader.number((0, 0), (3, 0), (4, 0), (1, 3))
    reader.bits(8 * reader.number((0, 0), (0, 4), (16, 5), (48, 10)))
    if kind == ALPHA:
        return kind, bool(reader.bits())
    if kind != DEPTH_MAP:
        raise UnsupportedImage("The JPEG XL image has channels besides colours, alpha and depth.")
    return kind, False


def _colours(reader: Reader) -> Colours:
    if reader.bits():
        return Colours()
    profile, space = bool(reader.bits()), reader.kind()
    if space not in (RGB, GREY):
        raise UnsupportedImage("The JPEG XL image is in a colour space that is not read here.")
    if profile:
        return Colours(space, profile=True)
    white = reader.kind()
    if white == _CUSTOM:
        _skip_chromaticity(reader)
    primaries = reader.kind() if space == RGB else 1
    if primaries == _CUSTOM:
        for _ in "rgb":
            _skip_chromaticity(reader)
    transfer = reader.bits(24) and 0 if reader.bits() else reader.kind()
    reader.kind()
    return Colours(space, plain=(white, primaries) == (_D65, 1), transfer=transfer)


def _skip_chromaticity(reader: Reader) -> None:
    for _ in "xy":
        reader.number(*_CHROMATICITY)
