"""Functions of libjxl that imagecodecs, which ships it, does not expose."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module

BASIC_INFO, COLOUR_ENCODING, FRAME, PIXELS = 0x40, 0x100, 0x400, 0x1000
"""Events of a decoder, which `JxlDecoderProcessInput` returns as they occur."""
SUCCESS, NEEDS_BUFFER = 0, 5
"""Its other results: at the end, and before it decodes the pixels of a frame."""


@contextmanager
def decoder(library: ctypes.CDLL, codestream: bytes, events: int) -> Iterator[int]:
    """Yield a decoder of a codestream that stops at these events."""
    found = library.JxlDecoderCreate(None)
    try:
        library.JxlDecoderSubscribeEvents(found, events)
        library.JxlDecoderSetInput(found, codestream, len(codestream))
        yield found
    finally:
        library.JxlDecoderDestroy(found)


@cache
def libjxl() -> ctypes.CDLL | None:
    """Return the library; None if its functions cannot be called."""
    try:
        library = ctypes.CDLL(import_module("imagecodecs._jpegxl").__file__)
        create, destroy = library.JxlDecoderCreate, library.JxlDecoderDestroy
        process, subscribe = library.JxlDecoderProcessInput, library.JxlDecoderSubscribeEvents
        give, size = library.JxlDecoderSetInput, library.JxlDecoderGetICCProfileSize
        get, coalesce = library.JxlDecoderGetColorAsICCProfile, library.JxlDecoderSetCoalescing
        skip, release = library.JxlDecoderSkipCurrentFrame, library.JxlDecoderReleaseInput
    except (ImportError, AttributeError, OSError):
        return None
    pointer, number, length = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
    create.restype, create.argtypes = pointer, [pointer]
    destroy.restype, destroy.argtypes = None, [pointer]
    process.argtypes, subscribe.argtypes = [pointer], [pointer, number]
    give.argtypes = [pointer, ctypes.c_char_p, length]
    size.argtypes = [pointer, number, pointer]
    get.argtypes = [pointer, number, ctypes.c_char_p, length]
    coalesce.argtypes = [pointer, number]
    skip.argtypes, release.argtypes, release.restype = [pointer], [pointer], length
    return library
