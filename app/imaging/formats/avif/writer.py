"""Write AVIF: images coded by libavif, in a container of our own with profile and metadata."""

import imagecodecs
import numpy as np

from app.imaging.formats.heif.boxes import Box
from app.imaging.formats.heif.items import Item, read_items
from app.imaging.formats.heif.reader import XMP
from app.imaging.formats.heif.writer import write_items
from app.imaging.picture import Metadata, Picture, UnsuitableFormat
from app.imaging.samples import Samples, interleave, to_integers

MAX_SIDE = 65_500
DEFAULT_QUALITY = 90
SPEED = 8  # benchmarks/codecs.py: 6 saves a tenth, in four times as long

_LOSSLESS = 100
# by number, since the names differ between releases of imagecodecs
_FORMATS = imagecodecs.AVIF.PIXEL_FORMAT
_FULL, _HALVED = _FORMATS.YUV444, _FORMATS.YUV420
_SRGB = b"\0\1\0\x0d"  # primaries and transfer of ITU-T H.273


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode at 8 bits, or 12 if the picture has more; alpha and grey are exact.

    Chroma is subsampled below a quality of 90; 100 is lossless. Raises `UnsuitableFormat` for a
    side over 65 500 pixels.
    """
    if max(picture.width, picture.height) > MAX_SIDE:
        raise UnsuitableFormat(f"AVIF holds at most {MAX_SIDE} pixels a side; ask for png or tiff.")
    samples = interleave(picture.pixels, picture.alpha)
    deep = samples.dtype != np.uint8
    quality = DEFAULT_QUALITY if quality is None else quality
    file = imagecodecs.avif_encode(
        _to_12_bits(to_integers(samples)) if deep else samples,
        None if quality == _LOSSLESS or picture.channels == 1 else quality,
        speed=SPEED,
        bitspersample=12 if deep else 8,
        pixelformat=_FULL if quality >= 90 else _HALVED,
        numthreads=1,
    )
    found = read_items(bytes(file))
    return write_items(b"avif", _with_metadata(list(found.by_number.values()), picture.metadata))


def _to_12_bits(samples: Samples) -> Samples:
    """Convert 16 bits to 12, rounding to nearest."""
    result = np.empty_like(samples)
    for row, deep in zip(result, samples, strict=True):  # by rows, to keep the wide integers few
        row[...] = (deep.astype(np.uint32) * 4095 + 32_767) // 65_535
    return result


def _with_metadata(items: list[Item], metadata: Metadata) -> list[Item]:
    """Return the items of the coded images and of the metadata; the first declares its colours."""
    own: list[Box] = []
    for each in items[0].properties:
        if each.name == b"colr":
            said = _SRGB if metadata.icc is None else each.body[4:8]
            for chunk in metadata.colour:
                if chunk[4:8] == b"cICP":
                    said = bytes([0, chunk[8], 0, chunk[9]])
            own.append(Box(b"colr", each.body[:4] + said + each.body[8:]))
        else:
            own.append(each)
    if metadata.icc:
        own.append(Box(b"colr", b"prof" + metadata.icc))
    items[0].properties = own
    if metadata.exif:
        items.append(Item(b"Exif", data=bytes(4) + metadata.exif, references={b"cdsc": [1]}))
    if metadata.xmp:
        items.append(Item(b"mime", XMP, data=metadata.xmp, references={b"cdsc": [1]}))
    return items
