"""DICOM: scans of one frame or many, decoded as they are meant to be seen, written as derived
images.

pydicom, from the extra `medical`, reads the data set; frames are decoded here, by the same
libraries as those of all other formats.
"""

from importlib import import_module
from types import ModuleType

from app.imaging.formats.format import FileFormat, Holds
from app.imaging.picture import Format, Header, Picture, UnsupportedImage

SIGNED = 132
"""Bytes of the preamble and the prefix, DICM."""


def is_dicom(data: bytes) -> bool:
    """Return whether a file is in the format of DICOM, part 10."""
    return data[128:132] == b"DICM"


def read_header(data: bytes) -> Header:
    """Read the data set up to its pixels, and their declared properties."""
    return _file().read_header(data)  # type: ignore[no-any-return]


def decode(data: bytes) -> Picture:
    """Decode frames of 1 to 16 bits stored, grey or colour, as they are meant to be seen."""
    return _file().decode(data)  # type: ignore[no-any-return]


def encode(picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG001
    """Encode a picture read from a DICOM as an image derived from it."""
    return _file().encode(picture)  # type: ignore[no-any-return]


def _file() -> ModuleType:
    return part("file")


def part(name: str) -> ModuleType:
    """Import a module of the codec at the first scan, as that takes time and memory."""
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise UnsupportedImage(
            "DICOM is not read by this installation: it takes `pip install 'denoiser[medical]'`."
        ) from error


FORMAT = FileFormat(
    name=Format.DICOM,
    title="DICOM",
    media_types=("application/dicom",),
    suffixes=(".dcm", ".dicom"),
    recognises=is_dicom,
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=Holds(depths=(8, 16), alpha=True, numbers=True, frames=True, others=False),
)
