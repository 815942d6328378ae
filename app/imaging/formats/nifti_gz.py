"""NIfTI files in gzip, the usual way to store them."""

from dataclasses import replace

from app.imaging.formats import gzipped
from app.imaging.formats.format import FileFormat
from app.imaging.formats.nifti import HOLDS, file
from app.imaging.formats.nifti.head import LONGEST, read_head, version_of
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import Format, Header, Picture, UnreadableImage


def recognises(data: bytes) -> bool:
    """Return whether a file is a NIfTI in gzip, by its first bytes."""
    return version_of(gzipped.beginning(data, LONGEST)) is not None


def read_header(data: bytes) -> Header:
    """Read the header; only decoding tells whether the file is complete."""
    head = read_head(gzipped.beginning(data, LONGEST))
    return file.declared(head, Format.NIFTI_GZ, copies=4)


def decode(data: bytes) -> Picture:
    """Inflate and decode as many bytes as are declared; a file with more is refused."""
    head = read_head(gzipped.beginning(data, LONGEST))
    inflated, size, position = bytearray(), head.end, 0
    for piece, position in gzipped.pieces(data, size + 1):  # noqa: B007
        inflated += piece
    if len(inflated) > size:
        raise UnreadableImage("The NIfTI image is longer than it declares.")
    if len(inflated) < size:
        raise UnreadableImage("The NIfTI image is truncated.")
    picture = file.decode(bytes(inflated), Format.NIFTI_GZ)
    return replace(picture, changes=picture.changes | in_trailer(data[position:]))


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode as NIfTI, and compress."""
    return gzipped.packed(file.encode(picture, quality))


FORMAT = FileFormat(
    name=Format.NIFTI_GZ,
    title="NIfTI in gzip",
    media_types=("application/gzip",),
    suffixes=(".nii.gz",),
    recognises=recognises,
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=HOLDS,
)
