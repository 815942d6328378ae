"""A zip of DICOM files that form one volume: a single image, returned as a zip."""

from app.imaging.archive import SIGNATURE
from app.imaging.formats.dicom import part
from app.imaging.formats.format import FileFormat, Holds, recognise
from app.imaging.picture import Format, Header

MAX_VOLUMES = 32
"""Maximum volumes of a zip: each is processed as a separate image."""


def split(data: bytes) -> list[tuple[Header, bytes]]:
    """Return each volume of a zip as a separate zip; nothing if there is only one."""
    return part("zipped").split(data)  # type: ignore[no-any-return]


def joined(parts: list[bytes]) -> bytes:
    """Merge several zips into one."""
    return part("zipped").joined(parts)  # type: ignore[no-any-return]


FORMAT = FileFormat(
    name=Format.DICOM_ZIP,
    title="DICOM in a zip",
    media_types=("application/zip", "application/x-zip-compressed"),
    suffixes=(".zip",),
    recognises=recognise(SIGNATURE),
    read_header=lambda data: part("zipped").read_header(data),
    decode=lambda data: part("zipped").decode(data),
    encode=lambda picture, _: part("zipped").encode(picture),
    holds=Holds(depths=(8, 16), alpha=True, numbers=True, frames=True, others=False),
    is_archive=True,
    encoding_bytes=4,
)
