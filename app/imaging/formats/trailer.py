"""The bytes after the end of an image in its file: another file, data of a phone, or padding."""

from app.imaging.picture import Change, Changes

PADDING = b"\0\r\n "  # bytes without meaning


def in_trailer(trailer: bytes) -> Changes:
    """Return what is lost by dropping the bytes after an image: nothing if they are padding."""
    if trailer[4:8] == b"ftyp":
        return frozenset({Change.FILM})
    return frozenset({Change.METADATA} if trailer.strip(PADDING) else ())
