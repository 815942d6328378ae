"""Write a picture as PNM, or as PAM if it has alpha or a channel of no stated meaning."""

import numpy as np

from app.imaging.picture import Format, Picture
from app.imaging.samples import interleave, narrow, to_integers


def encode(picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG001
    """Encode binary samples with their original white; floats are rounded to 16 bits."""
    further = picture.last_channel
    samples, white = to_integers(interleave(picture.pixels, further)), picture.metadata.white
    if white is None or picture.dtype.kind == "f":
        white = int(np.iinfo(samples.dtype).max)
    else:
        samples = narrow(samples, white)
    comments = picture.metadata.native if picture.format is Format.PNM else ()
    lines = _pnm(picture, white) if further is None else _pam(picture, white)
    head = b"".join(line + b"\n" for line in (lines[0], *comments, *lines[1:]))
    return head + samples.astype(samples.dtype.newbyteorder(">")).tobytes()


def _pnm(picture: Picture, white: int) -> list[bytes]:
    kind = b"P5" if picture.channels == 1 else b"P6"
    return [kind, b"%d %d" % (picture.width, picture.height), b"%d" % white]


def _pam(picture: Picture, white: int) -> list[bytes]:
    kind = b"GRAYSCALE" if picture.channels == 1 else b"RGB"
    return [
        b"P7",
        b"WIDTH %d" % picture.width,
        b"HEIGHT %d" % picture.height,
        b"DEPTH %d" % (picture.channels + 1),
        b"MAXVAL %d" % white,
        b"TUPLTYPE %b%b" % (kind, b"" if picture.alpha is None else b"_ALPHA"),
        b"ENDHDR",
    ]
