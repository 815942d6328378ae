"""A zip of DICOM files that form one volume: a single image, returned as a zip."""

from types import ModuleType

from app.imaging.archive import SIGNATURE
from app.imaging.formats.dicom import part
from app.imaging.formats.format import FileFormat, Holds, recognise
from app.imaging.picture import Format, Header, Picture

MAX_VOLUMES = 32
"""Volumes of one zip: each is an image by itself."""


def read_header(data: bytes) -> Header:
    """Read what the files declare, and that they are one volume."""
    return _zipped().read_header(data)  # type: ignore[no-any-return]


def decode(data: bytes) -> Picture:
    """Decode the files in the order in which they lie in space."""
    return _zipped().decode(data)  # type: ignore[no-any-return]


def encode(picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG001
    """Encode what came as such a zip as images derived from those."""
    return _zipped().encode(picture)  # type: ignore[no-any-return]


def split(data: bytes) -> list[tuple[Header, bytes]]:
    """Return the volumes of a zip, each in one of its own; nothing where there is only one."""
    return _zipped().split(data)  # type: ignore[no-any-return]


def joined(parts: list[bytes]) -> bytes:
    """Return one zip of all files of several."""
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
