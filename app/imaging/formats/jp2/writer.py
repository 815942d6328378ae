"""Write JPEG 2000: a codestream by OpenJPEG, in boxes of our own."""

import imagecodecs

from app.imaging.formats.jp2.container import write_file
from app.imaging.picture import Format, Picture
from app.imaging.samples import interleave, narrow, to_integers

DEFAULT_QUALITY = 95

_LOSSLESS = 100


def holds_white(white: int) -> bool:
    """Return whether this value of white can be stored, as the greatest of some number of bits."""
    return white & (white + 1) == 0


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode without loss, at the original bits per sample; floating point is rounded to 16.

    Encode with loss if a `quality` asks for it, or the upload was lossy, and the samples are
    colours of 8 bits without another channel. A `quality` of 0 to 100 is a PSNR of 30 to 50 dB, and
    100 is lossless.
    """
    further = picture.last_channel
    samples, white = to_integers(interleave(picture.pixels, further)), picture.metadata.white
    bits = 8 * samples.itemsize
    if white is not None and holds_white(white) and picture.dtype.kind == "u":
        samples, bits = narrow(samples, white), white.bit_length()
    has_loss = quality is not None or (
        picture.format is Format.JP2 and not picture.metadata.lossless
    )
    if has_loss and quality != _LOSSLESS and bits == 8 and further is None:
        level, is_reversible = 30 + round((quality or DEFAULT_QUALITY) / 5), False
    else:
        level, is_reversible = 0, True
    stream = imagecodecs.jpeg2k_encode(
        samples,
        level,
        codecformat=imagecodecs.JPEG2K.CODEC.J2K,
        bitspersample=bits,
        reversible=is_reversible,
        mct=picture.channels == 3,
        numthreads=1,
    )
    return write_file(bytes(stream), bits, picture)
