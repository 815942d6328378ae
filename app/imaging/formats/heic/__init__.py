"""HEIC: HEVC in a HEIF container, by libheif and libde265, which the extra `heif` installs.

It is read but not written: HEVC encoders are slow, and their output may be subject to patents.
"""

from dataclasses import replace
from types import ModuleType

import numpy as np

from app.imaging.formats.format import FileFormat
from app.imaging.formats.heic.hevc import read_sequence
from app.imaging.formats.heif import reader
from app.imaging.formats.heif.reader import Codec, is_branded
from app.imaging.picture import Change, Format, Header, Picture, UnsupportedImage
from app.imaging.samples import Samples

BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
"""The last two are those of any HEIF file; one that is not HEIC is refused when it is read."""


def is_heic(data: bytes) -> bool:
    """Return whether a file is a HEIF file, but no AVIF."""
    return is_branded(data, BRANDS) and not is_branded(data, {b"avif", b"avis"})


def read_header(data: bytes) -> Header:
    """Read the size of the upright picture, and check the sizes of its parts."""
    _library()
    return reader.read_header(data, "heic", _HEVC)


def decode(data: bytes) -> Picture:
    """Decode 8, 10 or 12 bits a sample; more than 8 become 16.

    The result is a JPEG, or an AVIF if a JPEG would lose depth, transparency or colours.
    """
    picture = reader.decode(data, Format.AVIF, _HEVC)
    is_plain = picture.dtype == np.uint8 and picture.alpha is None and not picture.metadata.colour
    target = Format.JPEG if is_plain else Format.AVIF
    return replace(picture, format=target, changes=picture.changes | {Change.FORMAT})


def _decoded(data: bytes) -> Samples:
    library = _library()
    library.options.DECODE_THREADS = 0  # no more of them than the decoder needs
    image = library.open_heif(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    return np.asarray(image)


def _library() -> ModuleType:
    """Import the library at the first picture, as that takes time and memory."""
    try:
        import pillow_heif
    except ModuleNotFoundError as error:
        raise UnsupportedImage(
            "HEIC is not read by this installation: it takes `pip install 'denoiser[heif]'`."
        ) from error
    return pillow_heif


_HEVC = Codec(b"hvc1", b"hvcC", b"heic", read_sequence, _decoded)

FORMAT = FileFormat(
    name="heic",
    title="HEIC",
    media_types=("image/heic", "image/heif"),
    suffixes=(".heic", ".heif", ".hif"),
    recognises=is_heic,
    read_header=read_header,
    decode=decode,
    needs_threads=True,
)
