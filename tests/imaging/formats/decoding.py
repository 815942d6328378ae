"""Decoding with a small limit, and a look at whether the header told the same."""

from app.imaging import codec

MAX_PIXELS = 10_000


def decoded(data, max_pixels=MAX_PIXELS):
    """The picture of a file, whose header must state the same frames."""
    picture = codec.decode(data, max_pixels=max_pixels)
    assert codec.read_header(data).stack == picture.stack
    return picture
