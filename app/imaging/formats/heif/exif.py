"""EXIF in boxes: ISO/IEC 23008-12, annex A.2.1."""

_MARK = b"Exif\0\0"  # the JPEG prefix, which some writers retain


def read_exif(box: bytes) -> bytes | None:
    """Return the TIFF structure, whose offset the contents state first; None if it is empty."""
    tiff = 4 + int.from_bytes(box[:4], "big")
    return box[tiff:].removeprefix(_MARK) or None
