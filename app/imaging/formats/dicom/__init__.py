"""DICOM: scans of one frame or many, decoded as they are meant to be seen, written as derived
images.

pydicom, from the extra `medical`, reads the data set; frames are decoded here, by the same
libraries as those of all other formats.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from app.imaging.formats.format import FileFormat, Holds
from app.imaging.picture import Format, UnsupportedImage

DIRECTORY = "DICOMDIR"
"""The name of the index of a DICOM medium, which is not an image."""

SIGNED = 132
"""Bytes of the preamble and the prefix, DICM."""


def is_dicom(data: bytes) -> bool:
    """Return whether a file is in the format of DICOM, part 10."""
    return data[128:132] == b"DICM"


def is_scan(path: Path) -> bool:
    """Return whether a file is DICOM, by its first bytes, since scanners use any names."""
    try:
        if not path.is_file():  # to open a pipe may take forever
            return False
        with path.open("rb") as file:
            return is_dicom(file.read(SIGNED))
    except OSError:
        return False


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
    read_header=lambda data: part("file").read_header(data),
    decode=lambda data: part("file").decode(data),
    encode=lambda picture, _: part("file").encode(picture),
    holds=Holds(depths=(8, 16), alpha=True, numbers=True, frames=True, others=False),
)
