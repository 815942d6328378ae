"""What follows the end of an image in its file: another file, notes of a phone, or padding."""

from app.imaging.picture import Change, Changes

PADDING = b"\0\r\n "  # of no meaning


def in_trailer(trailer: bytes) -> Changes:
    """Return what is lost with all that lies behind an image: nothing if that is padding."""
    if trailer[4:8] == b"ftyp":
        return frozenset({Change.FILM})
    return frozenset({Change.METADATA} if trailer.strip(PADDING) else ())
