"""Write JPEG XL: frames by libjxl, after a header of our own, which can contain any profile."""

import imagecodecs
import numpy as np

from app.imaging.formats.jxl.header import (
    GREY,
    LINEAR,
    RGB,
    SRGB,
    Colours,
    Head,
    Samples,
    read_head,
    write_head,
)
from app.imaging.formats.jxl.profile import write_profile
from app.imaging.formats.jxl.stream import codestream, write_file
from app.imaging.picture import Format, Picture
from app.imaging.samples import interleave

DEFAULT_QUALITY = 90
EFFORT = 3  # benchmarks/codecs.py: 5 saves a twentieth, in six times as long
LOSSLESS_EFFORT = 2  # benchmarks/codecs.py: 3 saves a tenth, in twice as long; 1 costs an eighth

_LOSSLESS = 100
_EXPONENTS = {2: 5, 4: 8}  # bits of the exponent, by bytes of a float


def encode(picture: Picture, quality: int | None = None) -> bytes:
    """Encode without loss, or with loss if a `quality` asks for it or the upload was lossy.

    Loss is limited to 8 bits in sRGB, since libjxl would have to know the colours of other samples.
    A `quality` of 100 is lossless, too. (Of floats of 16 bits, libjxl rounds those below 6e-5.)
    """
    deep = picture.dtype != np.uint8
    has_loss = quality is not None or (
        picture.format is Format.JXL and not picture.metadata.lossless
    )
    if has_loss and quality != _LOSSLESS and not deep and picture.metadata.is_srgb:
        file = imagecodecs.jpegxl_encode(
            interleave(picture.pixels, picture.alpha),
            quality or DEFAULT_QUALITY,
            effort=EFFORT,
            lossless=False,
            numthreads=1,
        )
        stream = codestream(bytes(file))
    else:
        stream = _without_loss(picture)
    return write_file(stream, picture.metadata, deep)


def _without_loss(picture: Picture) -> bytes:
    samples = interleave(picture.pixels, picture.alpha)
    if samples.dtype == np.float64:
        samples = samples.astype(np.float32)
    file = imagecodecs.jpegxl_encode(samples, effort=LOSSLESS_EFFORT, lossless=True, numthreads=1)
    stream = codestream(bytes(file))
    size, exponent = samples.itemsize, 0
    if samples.dtype.kind == "f":
        exponent = _EXPONENTS[size]
    profile, space = picture.metadata.icc, GREY if picture.channels == 1 else RGB
    head = Head(
        picture.width,
        picture.height,
        samples=Samples(8 * size, exponent),
        alpha=picture.alpha is not None,
        colours=Colours(space, transfer=LINEAR if picture.metadata.linear else SRGB),
    )
    writer = write_head(head, profile is not None)
    if profile is not None:
        write_profile(writer, profile)
    return writer.taken() + stream[-(-read_head(stream).bits // 8) :]
