"""The sequence parameter set of an HEVC image, ITU-T H.265, section 7.3.2.2.

The units of a coded image are in its property `hvcC` and in its data, each preceded by its length:
ISO/IEC 14496-15, section 8.3.
"""

import struct
from collections.abc import Iterator

from app.imaging.formats.heif.bits import Bits
from app.imaging.formats.heif.items import Item
from app.imaging.formats.heif.reader import Sequence
from app.imaging.picture import UnreadableImage, UnsupportedImage

MAX_UNITS = 4096
MAX_LISTED, MAX_SETTINGS = 100, 1 << 16
"""Maximum units and bytes of `hvcC`, which all tiles of a grid may share; cameras write three units
of some tens of bytes.
"""
MOST_BITS = 12

_PARAMETERS = 33  # a type of units
_ARRAYS = 22  # offset of the lists of units in hvcC
_SUBSAMPLING = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}  # by chroma_format_idc
_LARGEST_BLOCK = 64  # pixels; coded sizes are multiples of this


def read_sequence(item: Item) -> Sequence:
    """Return the size and depth of a coded image; repeated parameter sets must be identical."""
    settings = item.first(b"hvcC") or b""
    if len(settings) <= _ARRAYS:
        raise UnreadableImage("The image has no header.")
    if len(settings) > MAX_SETTINGS:
        raise UnsupportedImage(f"The image has a header of more than {MAX_SETTINGS} bytes.")
    if settings[_ARRAYS - 1] & 3 != 3:  # the decoder assumes lengths of four bytes
        raise UnsupportedImage("Length fields of less than four bytes in an image are not read.")
    units = [*_listed(settings), *_units(item.data)]
    found = {unit for unit in units if unit[:1] and unit[0] >> 1 & 63 == _PARAMETERS}
    if len(found) != 1:
        raise UnreadableImage("The image has no header, or several that differ.")
    return _sequence(Bits(found.pop()[2:1024].replace(b"\0\0\3", b"\0\0")))


def _listed(settings: bytes) -> Iterator[bytes]:
    """Yield the units in the lists of hvcC."""
    position, listed = _ARRAYS + 1, 0
    for _ in range(settings[_ARRAYS]):
        (count,) = struct.unpack_from(">H", settings, position + 1)
        position, listed = position + 3, listed + count
        if listed > MAX_LISTED:
            raise UnsupportedImage(f"The header of the image has more than {MAX_LISTED} parts.")
        for _ in range(count):
            (length,) = struct.unpack_from(">H", settings, position)
            yield settings[position + 2 : position + 2 + length]
            position += 2 + length
    if position > len(settings):
        raise UnreadableImage("The header of the image is truncated.")


def _units(data: bytes) -> Iterator[bytes]:
    position = 0
    for _ in range(MAX_UNITS):
        if position == len(data):
            return
        (length,) = struct.unpack_from(">I", data, position)
        position += 4 + length
        if position > len(data):
            raise UnreadableImage("The image is truncated.")
        yield data[position - length : position]
    raise UnsupportedImage(f"The image has more than {MAX_UNITS} parts.")


def _sequence(bits: Bits) -> Sequence:
    bits.read(4)
    layers = bits.read(3)
    bits.read(1)
    _skip_profile(bits, layers)
    bits.golomb()
    colours = bits.golomb()
    if colours not in _SUBSAMPLING or (colours == 3 and bits.read()):
        raise UnsupportedImage("The image has separately coded colour planes, which are not read.")
    width, height = bits.golomb(), bits.golomb()
    across = down = 0
    if bits.read():
        left, right, top, bottom = (bits.golomb() for _ in range(4))
        unit = _SUBSAMPLING[colours]
        across, down = unit[0] * (left + right), unit[1] * (top + bottom)
    if max(across, down) >= _LARGEST_BLOCK:
        raise UnsupportedImage("The image is to be cropped by its reader, which is not done.")
    luma, chroma = bits.golomb() + 8, bits.golomb() + 8
    if luma > MOST_BITS or (colours and luma != chroma):
        raise UnsupportedImage(f"HEIC images are read with up to {MOST_BITS} bits, as many in all.")
    return Sequence(width - across, height - down, luma)


def _skip_profile(bits: Bits, layers: int) -> None:
    """Skip profile, tier and level (section 7.3.3), for the stream and for `layers` temporal
    layers.
    """
    profile, level = 88, 8
    bits.read(profile + level)
    present = [(bits.read(), bits.read()) for _ in range(layers)]
    if layers:
        bits.read(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.read(profile * has_profile + level * has_level)
