"""A zip of DICOM files that form one volume: a single image, returned as a zip."""

from types import ModuleType

from app.imaging.archive import SIGNATURE
from app.imaging.formats.dicom import part
from app.imaging.formats.format import FileFormat, Holds, recognise
from app.imaging.picture import Format, Header, Picture

MAX_VOLUMES = 32
"""Maximum volumes of a zip: each is processed as a separate image."""


def read_header(data: bytes) -> Header:
    """Read the declared properties of the files, and check that they form one volume."""
    return _zipped().read_header(data)  # type: ignore[no-any-return]


def decode(data: bytes) -> Picture:
    """Decode the files in their spatial order."""
    return _zipped().decode(data)  # type: ignore[no-any-return]


def encode(picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG001
    """Encode a picture read from such a zip as a zip of images derived from its files."""
    return _zipped().encode(picture)  # type: ignore[no-any-return]


def split(data: bytes) -> list[tuple[Header, bytes]]:
    """Return each volume of a zip as a separate zip; nothing if there is only one."""
    return _zipped().split(data)  # type: ignore[no-any-return]


def joined(parts: list[bytes]) -> bytes:
    """Merge several zips into one."""
    return _zipped().joined(parts)  # type: ignore[no-any-return]


def _zipped() -> ModuleType:
    return part("zipped")


FORMAT = FileFormat(
    name=Format.DICOM_ZIP,
    title="DICOM in a zip",
    media_types=("application/zip", "application/x-zip-compressed"),
    suffixes=(".zip",),
    recognises=recognise(SIGNATURE),
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=Holds(depths=(8, 16), alpha=True, numbers=True, frames=True, others=False),
    is_archive=True,
    encoding_bytes=4,
)
