"""Layers of a JPEG XL image, which libjxl merges into one: each costs as much as the whole image,
however few its bytes are.
"""

from app.imaging.formats.jxl.libjxl import FRAME, decoder, libjxl
from app.imaging.picture import UnsupportedImage

MAX_LAYERS = 1000
MAX_MERGED = 1 << 30
"""Pixels of all layers, each counted as large as the image; merging these takes half a minute."""


def check_layers(codestream: bytes, pixels: int) -> None:
    """Raise `UnsupportedImage` for more layers than an image of so many pixels may have.

    They are counted without decoding them. libjxl does not tell of frames that are never shown by
    themselves (kSkipProgressive, kReferenceOnly), for which the time limit of decoding alone holds.
    """
    library = libjxl()
    if library is None:
        return
    most = max(1, min(MAX_LAYERS, MAX_MERGED // max(1, pixels)))
    with decoder(library, codestream, FRAME) as found:
        library.JxlDecoderSetCoalescing(found, 0)
        for _ in range(most):
            if library.JxlDecoderProcessInput(found) != FRAME:
                return
        if library.JxlDecoderProcessInput(found) == FRAME:
            raise UnsupportedImage(f"The JPEG XL image has more than {most} layers.")
