"""Find the end of a JPEG XL codestream, which the stream does not declare."""

from app.imaging.formats.jxl.frames import MAX_FRAMES
from app.imaging.formats.jxl.libjxl import FRAME, NEEDS_BUFFER, PIXELS, SUCCESS, decoder, libjxl


def after_last_frame(codestream: bytes) -> bytes:
    """Return the bytes after the last frame; none if libjxl does not find its end.

    No pixels are decoded: frames are skipped by the lengths in their headers.
    """
    library = libjxl()
    if library is None:
        return b""
    with decoder(library, codestream, FRAME | PIXELS) as found:
        library.JxlDecoderSetCoalescing(found, 0)
        for _ in range(2 * MAX_FRAMES):
            status = library.JxlDecoderProcessInput(found)
            if status == SUCCESS:
                left: int = library.JxlDecoderReleaseInput(found)
                return codestream[len(codestream) - left :]
            if status == NEEDS_BUFFER:
                library.JxlDecoderSkipCurrentFrame(found)
            elif status != FRAME:
                break
    return b""
