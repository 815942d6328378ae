"""What lies in a file behind the end of its image: another file, a phone's notes, or padding."""

from app.imaging.picture import Change, Changes

PADDING = b"\0\r\n "  # of no meaning


def in_trailer(trailer: bytes) -> Changes:
    """Return what is lost with all that lies behind an image: nothing if that is padding."""
    if trailer[4:8] == b"ftyp":
        return frozenset({Change.FILM})
    return frozenset({Change.METADATA} if trailer.strip(PADDING) else ())
