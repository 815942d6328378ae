"""The properties of TIFF samples in words, for readers who do not know the tags."""

from enum import IntEnum

from app.imaging.tags import Compression, Photometric, SampleFormat

REFUSED: dict[tuple[type[IntEnum], int], str] = {
    (Photometric, 4): "A mask",
    (Photometric, 8): "Colour in CIE L*a*b*",
    (Photometric, 9): "Colour in ICC L*a*b*",
    (Photometric, 32_803): "The mosaic of a camera's sensor",
    (Photometric, 32_845): "Colour in LogLuv",
    (Photometric, 34_892): "The raw colour of a camera's sensor",
    (SampleFormat, 5): "Complex numbers",
    (SampleFormat, 6): "Complex numbers",
    (Compression, 6): "Old-style JPEG",
    (Compression, 33_003): "YCbCr in JPEG 2000",
    (Compression, 34_887): "LERC",
    (Compression, 34_925): "LZMA",
    (Compression, 50_002): "JPEG XL",
    (Compression, 52_546): "JPEG XL",
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
