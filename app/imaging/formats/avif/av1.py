"""The sequence header of an AV1 image: AV1 specification, section 5.5."""

from app.imaging.formats.heif.bits import Bits
from app.imaging.formats.heif.reader import Sequence
from app.imaging.picture import UnreadableImage, UnsupportedImage

MAX_UNITS = 4096
MAX_FRAMES = 8
"""Maximum frames of a coded image: one, or up to four that refine each other, and some to which
these refer. All are decoded, each as large as the image, however few its bytes.
"""

_SEQUENCE_HEADER = 1
_FRAMES = (3, 6)  # with tiles in separate units, or in the same unit


def read_sequence(data: bytes) -> Sequence:
    """Return the sequence header of a coded image; there may be several if all are the same.

    Raises `UnreadableImage`, and `UnsupportedImage` for more than MAX_FRAMES frames.
    """
    units = _units(data)
    if sum(kind in _FRAMES for kind, _ in units) > MAX_FRAMES:
        raise UnsupportedImage(f"The image has more than {MAX_FRAMES} frames.")
    headers = {body for kind, body in units if kind == _SEQUENCE_HEADER}
    if len(headers) != 1:
        raise UnreadableImage("The image has no header, or several that differ.")
    return _sequence(Bits(headers.pop()[:64]))


def _units(data: bytes) -> list[tuple[int, bytes]]:
    """Return the kind and the contents of each unit (OBU)."""
    units: list[tuple[int, bytes]] = []
    position = 0
    while position < len(data):
        head = data[position]
        position += 2 if head & 4 else 1
        length, shift = len(data) - position, 0
        if head & 2:
            length = 0
            while True:
                if position >= len(data) or shift > 28:
                    raise UnreadableImage("The image is truncated.")
                byte = data[position]
                length |= (byte & 127) << shift
                position, shift = position + 1, shift + 7
                if byte < 128:
                    break
        end = position + length
        if head & 0x80 or not position <= end <= len(data) or len(units) >= MAX_UNITS:
            raise UnreadableImage("The image is truncated or damaged.")
        units.append((head >> 3 & 15, data[position:end]))
        position = end
    return units


def _sequence(bits: Bits) -> Sequence:
    profile, _, reduced = bits.read(3), bits.read(), bits.read()
    if reduced:
        bits.read(5)
    else:
        _skip_timing(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    width, height = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    if not reduced and bits.read():  # frame identifiers
        bits.read(7)
    bits.read(3)
    if not reduced:
        _skip_tools(bits)
    bits.read(3)
    deep = bits.read()
    twelve = profile == 2 and deep and bits.read()
    return Sequence(width, height, 12 if twelve else 10 if deep else 8)


def _skip_timing(bits: Bits) -> None:
    delay = 0
    if bits.read():
        bits.read(64)
        if bits.read():
            zeros = 0
            while not bits.read():
                zeros += 1
            bits.read(zeros)
        if bits.read():
            delay = bits.read(5) + 1
            bits.read(42)
    has_display_delay, points = bits.read(), bits.read(5) + 1
    for _ in range(points):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read()
        if delay and bits.read():
            bits.read(2 * delay + 1)
        if has_display_delay and bits.read():
            bits.read(4)


def _skip_tools(bits: Bits) -> None:
    bits.read(4)
    ordered = bits.read()
    if ordered:
        bits.read(2)
    content = 2 if bits.read() else bits.read()
    if content and not bits.read():
        bits.read()
    if ordered:
        bits.read(3)
