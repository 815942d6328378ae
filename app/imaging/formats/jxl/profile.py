"""Colour profiles in JPEG XL: read by libjxl, which supports all encodings; written here,
uncompressed.

ISO/IEC 18181-1, annexes E.4 (the profile) and C (its entropy coding).
"""

import ctypes

from app.imaging.formats.jxl.bits import Writer
from app.imaging.formats.jxl.libjxl import BASIC_INFO, COLOUR_ENCODING, decoder, libjxl

MAX_PROFILE = 1 << 23
"""Maximum bytes of a profile; those of printing presses have two megabytes."""

_HEADER = 128
_OF_SAMPLES = 1  # the profile of the decoded samples, which may differ from the original
_EXPECTED = {
    8: b"\x04", 12: b"mntrRGB XYZ ", 36: b"acsp", 70: b"\xf6\xd6\0\1", 78: b"\xd3\x2d",
}  # fmt: skip
_PLATFORMS = {b"A": b"APPL", b"M": b"MSFT", b"SG": b"SGI ", b"SU": b"SUNW"}


def read_profile(codestream: bytes) -> bytes | None:
    """Return the profile of the samples of a codestream; None if unknown.

    It is the embedded one, or one equivalent to the colour encoding in the header.
    """
    library = libjxl()
    if library is None:
        return None
    with decoder(library, codestream, BASIC_INFO | COLOUR_ENCODING) as found:
        status = library.JxlDecoderProcessInput(found)
        if status == BASIC_INFO:
            status = library.JxlDecoderProcessInput(found)
        size = ctypes.c_size_t(0)
        if status != COLOUR_ENCODING or library.JxlDecoderGetICCProfileSize(
            found, _OF_SAMPLES, ctypes.byref(size)
        ):
            return None
        if not 0 < size.value <= MAX_PROFILE:
            return None
        profile = ctypes.create_string_buffer(size.value)
        failed = library.JxlDecoderGetColorAsICCProfile(found, _OF_SAMPLES, profile, size)
        return None if failed else profile.raw


def write_profile(writer: Writer, profile: bytes) -> None:
    """Write a valid profile after a header that announces one, with each byte in 8 bits.

    The header of the profile is coded as differences from a prediction; all else is inserted by one
    command.
    """
    rest = profile[_HEADER:]
    commands = b"\0\1" + _variable(len(rest))  # no list of tags; insert so many bytes
    expected = _expected(profile)
    told = bytes((a - b) & 255 for a, b in zip(profile, expected, strict=False))
    coded = _variable(len(profile)) + _variable(len(commands)) + commands + told + rest
    _write_length(writer, len(coded))
    _write_code(writer)
    for byte in coded:
        writer.bits(_REVERSED[byte], 8)


def _expected(profile: bytes) -> bytes:
    """Return the header that a profile is predicted to have, given its length and earlier bytes."""
    expected = bytearray(_HEADER)
    expected[:4] = len(profile).to_bytes(4, "big")
    for place, words in _EXPECTED.items():
        expected[place : place + len(words)] = words
    expected[80:84] = profile[4:8]
    for start, whole in _PLATFORMS.items():
        if profile[40 : 40 + len(start)] == start:
            expected[40 + len(start) : 44] = whole[len(start) :]
    return bytes(expected)


def _write_code(writer: Writer) -> None:
    """Write one prefix code for all contexts, in which each byte has 8 bits."""
    writer.bits(0)  # no repetitions
    writer.bits(1)  # a simple map of contexts,
    writer.bits(0, 2)  # all to the same code
    writer.bits(1)  # which is a prefix code
    writer.bits(8, 4)  # of symbols that are bytes, whole
    writer.bits(0, 8)
    writer.bits(1)  # 256 of them: 1 + 2^7 + 127
    writer.bits(7, 4)
    writer.bits(127, 7)
    writer.bits(0, 2)  # the code of the lengths: of the 18 there may be, in their order,
    writer.bits(0, 20)
    writer.bits(1, 2)  # the eleventh, 8 bits, is the only one
    writer.bits(0, 14)


def _write_length(writer: Writer, length: int) -> None:
    """Write a number of up to 60 bits (U64)."""
    writer.bits(3, 2)
    writer.bits(length & 0xFFF, 12)
    length >>= 12
    while length:
        writer.bits(1)
        writer.bits(length & 0xFF, 8)
        length >>= 8
    writer.bits(0)


def _variable(number: int) -> bytes:
    """Return a number as bytes of 7 bits each, the lowest first."""
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


_REVERSED = [int(f"{byte:08b}"[::-1], 2) for byte in range(256)]
"""Codes are read from their first bit, numbers from their last."""
