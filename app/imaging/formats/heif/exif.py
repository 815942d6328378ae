"""EXIF in boxes: ISO/IEC 23008-12, annex A.2.1."""

_MARK = b"Exif\0\0"  # of JPEG, which some writers leave before it


def read_exif(box: bytes) -> bytes | None:
    """Return the bare TIFF structure, behind the number of bytes before it; None if it is empty."""
    tiff = 4 + int.from_bytes(box[:4], "big")
    return box[tiff:].removeprefix(_MARK) or None
