"""The properties of TIFF samples in words, for readers who do not know the tags."""

from enum import IntEnum

from app.imaging.tags import Compression, Photometric, SampleFormat

REFUSED: dict[tuple[type[IntEnum], int], str] = {
    (Photometric, 4): "a mask",
    (Photometric, 8): "colour in CIE L*a*b*",
    (Photometric, 9): "colour in ICC L*a*b*",
    (Photometric, 32_803): "the mosaic of a camera's sensor",
    (Photometric, 32_845): "colour in LogLuv",
    (Photometric, 34_892): "the raw colour of a camera's sensor",
    (SampleFormat, 5): "an image of complex numbers",
    (SampleFormat, 6): "an image of complex numbers",
    (Compression, 6): "an image in old-style JPEG",
    (Compression, 33_003): "an image in JPEG 2000 of YCbCr",
    (Compression, 34_887): "an image in LERC",
    (Compression, 34_925): "an image in LZMA",
    (Compression, 50_002): "an image in JPEG XL",
    (Compression, 52_546): "an image in JPEG XL",
}
"""Unsupported features that programs write, by the values of tags."""

COLOURS = {
    Photometric.WHITE_IS_ZERO: "grey",
    Photometric.BLACK_IS_ZERO: "grey",
    Photometric.RGB: "RGB",
    Photometric.PALETTE: "a palette",
    Photometric.CMYK: "CMYK",
    Photometric.YCBCR: "YCbCr",
}
NUMBERS = {
    SampleFormat.UNSIGNED: "integers",
    SampleFormat.SIGNED: "signed integers",
    SampleFormat.FLOAT: "floating-point numbers",
}
PACKING = {
    Compression.NONE: "not compressed",
    **dict.fromkeys(
        (Compression.FAX_RLE, Compression.FAX3, Compression.FAX4), "compressed as a fax"
    ),
    Compression.LZW: "compressed by LZW",
    Compression.JPEG: "compressed as JPEG",
    Compression.DEFLATE: "compressed by Deflate",
    Compression.OLD_DEFLATE: "compressed by Deflate",
    Compression.PACKBITS: "compressed by PackBits",
    **dict.fromkeys((Compression.JPEG_2000, Compression.JPEG_2000_RGB), "compressed as JPEG 2000"),
    Compression.ZSTD: "compressed by Zstandard",
    Compression.WEBP: "compressed as WebP",
}


def counted(channels: int) -> str:
    """Return the number of channels in words."""
    return "one channel" if channels == 1 else f"{channels} channels"
