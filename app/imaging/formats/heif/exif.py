"""EXIF in boxes: ISO/IEC 23008-12, annex A.2.1."""

from app.imaging.metadata import EXIF_PREFIX


def read_exif(box: bytes) -> bytes | None:
    """Return the TIFF structure, whose offset the contents state first; None if it is empty."""
    tiff = 4 + int.from_bytes(box[:4], "big")
    return box[tiff:].removeprefix(EXIF_PREFIX) or None
