"""AVIF: AV1 in a HEIF container, by libavif; https://aomediacodec.github.io/av1-avif/."""

from functools import partial

import imagecodecs

from app.imaging.formats.avif.av1 import read_sequence
from app.imaging.formats.avif.writer import encode
from app.imaging.formats.format import FileFormat, Holds
from app.imaging.formats.heif.items import Item
from app.imaging.formats.heif.reader import Codec, Sequence, decode, is_branded, read_header
from app.imaging.picture import Format, Metadata
from app.imaging.samples import Samples


def _read_sequence(item: Item) -> Sequence:
    return read_sequence(item.data)


def _decode(data: bytes) -> Samples:
    samples: Samples = imagecodecs.avif_decode(data, numthreads=1)
    return samples


def _holds_colour(metadata: Metadata) -> bool:
    return metadata.is_srgb or any(chunk[4:8] == b"cICP" for chunk in metadata.colour)


_AV1 = Codec(b"av01", b"av1C", b"avif", _read_sequence, _decode)

FORMAT = FileFormat(
    name=Format.AVIF,
    title="AVIF",
    media_types=("image/avif",),
    suffixes=(".avif",),
    recognises=partial(is_branded, brands={b"avif", b"avis"}),
    read_header=partial(read_header, name=Format.AVIF, codec=_AV1),
    decode=partial(decode, format_=Format.AVIF, codec=_AV1),
    encode=encode,
    holds=Holds(depths=(8, 12), alpha=True, exif=True, xmp=True, colour=_holds_colour),
    encoding_bytes=96,  # libaom keeps several copies of the picture
)
