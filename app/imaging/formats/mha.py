"""MetaImage with header and samples in one file (MHA), which ITK and its kin write."""

import re
import zlib
from functools import partial

from app.imaging.formats.fields import MAX_LENGTH, Fields, modality_of
from app.imaging.formats.volume import (
    Head,
    Kind,
    Packing,
    are_colours,
    arranged,
    of_channels,
    type_of,
)
from app.imaging.picture import Format, UnreadableImage, UnsupportedImage

_BEGINNING = re.compile(rb"(?:Comment|ObjectType|NDims) *= ")
_LAST = re.compile(rb"^ElementDataFile[ \t]*=([^\n]*)", re.MULTILINE)
_KNOWN = re.compile(
    rb"^(ObjectType|NDims|DimSize|BinaryData|BinaryDataByteOrderMSB|ElementByteOrderMSB|HeaderSize"
    rb"|CompressedData|CompressedDataSize|ElementSpacing|ElementSize|ElementNumberOfChannels"
    rb"|ElementType)[ \t]*=(.*)$",
    re.MULTILINE,
)
_MODALITY = re.compile(rb"^(?:Modality|0008\|0060)[ \t]*=(.*)$", re.MULTILINE)
_LENGTH = re.compile(rb"^CompressedDataSize[ \t]*=[ \t]*(\d{1,18})[ \t\r]*$", re.MULTILINE)
_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",  # of 4 bytes in files, whatever a long is to the machine
    "MET_ULONG": "u4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_CHANNELS = "elementnumberofchannels"
_ORDERS = ("binarydatabyteordermsb", "elementbyteordermsb")
_ZLIB_OR_GZIP = 47  # wbits


def is_mha(data: bytes) -> bool:
    """Return whether a file begins like a MetaImage."""
    return _BEGINNING.match(data) is not None


def read_head(data: bytes) -> Head:
    """Read the header of a file; raises UnreadableImage and UnsupportedImage."""
    last = _LAST.search(data, 0, MAX_LENGTH)
    if last is None:
        raise UnreadableImage("The MetaImage has a header that is truncated, or too long.")
    if last[1].strip() != b"LOCAL":
        raise UnsupportedImage(
            "The MetaImage has its samples in another file; save it as one .mha."
        )
    header = data[: last.end()]
    said = Fields("MetaImage", _KNOWN, header)
    _check(said)
    (count,) = said.integers("ndims", 1)
    sizes = said.integers("dimsize", count)
    spacing = next((name for name in ("elementspacing", "elementsize") if name in said), None)
    distances = said.reals(spacing, count) if spacing else []
    width, height, stack = arranged("MetaImage", sizes, distances)
    order = ">" if any(map(said.is_true, _ORDERS)) else "<"
    kind = said.get("elementtype", "").removesuffix("_ARRAY")
    dtype = type_of("MetaImage", _TYPES, kind, order)
    (components,) = said.integers(_CHANNELS, 1) if _CHANNELS in said else (1,)
    if components < 1:
        raise said.senseless(_CHANNELS)
    in_colour = are_colours(components, dtype)
    if not in_colour:
        stack = of_channels("MetaImage", stack, components)
    is_packed = said.is_true("compresseddata")
    length = _LENGTH.search(header) if is_packed else None
    if is_packed and "compresseddatasize" in said and length is None:
        raise said.senseless("compresseddatasize")
    return Head(
        width=width,
        height=height,
        channels=3 if in_colour else 1,
        components=1 if in_colour else components,
        dtype=dtype,
        offset=last.end() + 1,
        stack=stack,
        modality=modality_of(_MODALITY, header) if components == 1 else "",
        packing=_ZLIB if is_packed else None,
        length=slice(*length.span(1)) if length else None,
    )


def _check(said: Fields) -> None:
    """Raise UnsupportedImage or UnreadableImage for what is not read, or contradicts itself."""
    if said.get("objecttype", "Image") != "Image":
        raise UnsupportedImage("The MetaImage does not hold an image.")
    if not said.is_true("binarydata") and "binarydata" in said:
        raise UnsupportedImage("A MetaImage of numbers in text is not supported.")
    if said.get("headersize", "0") != "0":
        raise UnsupportedImage("A MetaImage with a further header is not supported.")
    if len({said.is_true(name) for name in _ORDERS if name in said}) > 1:
        raise UnreadableImage("The MetaImage declares two byte orders.")


def _inflated(data: bytes, most: int) -> tuple[bytes, int]:
    inflater = zlib.decompressobj(_ZLIB_OR_GZIP)
    found = inflater.decompress(data, most)
    if len(found) < most and not inflater.eof:
        raise UnreadableImage("The MetaImage is truncated.")
    return found, len(data) - len(inflater.unused_data)


_ZLIB = Packing(partial(zlib.compress, level=1), _inflated)

MHA = Kind("a MetaImage", (Format.MHA,), is_mha, read_head)
FORMAT = MHA.file("image/x-metaimage", ".mha")
