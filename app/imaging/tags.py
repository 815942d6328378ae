"""The tags of TIFF 6.0 and its supplements that are read or written here."""

import enum


class Tag(enum.IntEnum):
    """What a field of a directory means."""

    SUBFILE = 254
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    DESCRIPTION = 270
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES = 277
    ROWS_PER_STRIP = 278
    STRIP_COUNTS = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    PLANAR = 284
    PAGE_NUMBER = 297
    FAX3_OPTIONS = 292
    FAX4_OPTIONS = 293
    RESOLUTION_UNIT = 296
    PREDICTOR = 317
    PALETTE = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_COUNTS = 325
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_TABLES = 347
    CHROMA_SUBSAMPLING = 530
    XMP = 700
    EXIF = 34_665
    ICC = 34_675
    GPS = 34_853
    COLOUR_SPACE = 40_961
    PIXELS_ACROSS = 40_962
    PIXELS_DOWN = 40_963
    INTEROPERABILITY = 40_965
    FOCAL_X_RESOLUTION = 41_486
    FOCAL_Y_RESOLUTION = 41_487
    NO_DATA = 42_113


class Photometric(enum.IntEnum):
    """What samples stand for."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    CMYK = 5
    YCBCR = 6


class Compression(enum.IntEnum):
    """How a segment is compressed."""

    NONE = 1
    FAX_RLE = 2
    FAX3 = 3
    FAX4 = 4
    LZW = 5
    JPEG = 7
    DEFLATE = 8
    PACKBITS = 32_773
    OLD_DEFLATE = 32_946
    JPEG_2000_RGB = 33_005
    JPEG_2000 = 34_712
    ZSTD = 50_000
    WEBP = 50_001


class SampleFormat(enum.IntEnum):
    """How the bits of a sample are interpreted."""

    UNSIGNED = 1
    SIGNED = 2
    FLOAT = 3


class Predictor(enum.IntEnum):
    """What was done to samples before compression."""

    NONE = 1
    DIFFERENCES = 2
    FLOAT = 3


# fields that are needed to decode the segments of a directory
PIXEL_TAGS = frozenset(
    {
        *(Tag.WIDTH, Tag.HEIGHT, Tag.BITS, Tag.SAMPLES, Tag.SAMPLE_FORMAT, Tag.EXTRA_SAMPLES),
        *(Tag.PHOTOMETRIC, Tag.PALETTE, Tag.PLANAR, Tag.CHROMA_SUBSAMPLING),
        *(Tag.COMPRESSION, Tag.PREDICTOR, Tag.JPEG_TABLES, Tag.FILL_ORDER),
        *(Tag.FAX3_OPTIONS, Tag.FAX4_OPTIONS),
        *(Tag.ROWS_PER_STRIP, Tag.STRIP_OFFSETS, Tag.STRIP_COUNTS),
        *(Tag.TILE_WIDTH, Tag.TILE_HEIGHT, Tag.TILE_OFFSETS, Tag.TILE_COUNTS),
    }
)

# fields that are dropped: curves for grey and for transfer, sub-files, inks, an editor's layers
LOST_TAGS = frozenset({290, 291, 301, 330, 332, 333, 334, 336, 340, 341, 37_724})

# fields that are not copied: they describe the file, not the picture, or are stored elsewhere
FILE_TAGS = PIXEL_TAGS | {
    *(Tag.SUBFILE, Tag.XMP, Tag.ICC, 255),
    *(263, 264, 265, 280, 281, 288, 289, 290, 291),  # thresholds, extremes, free space, grey curve
    *(297, 301, 330, 332, 333, 334, 336, 340, 341, 342, 343),  # page, transfer, sub-files, inks
    *range(512, 522),  # old-style JPEG
    *(529, 531, 532, 37_724),  # YCbCr, and the layers of an image editor
    *(32_995, 32_996),  # older forms of extra channels and sample format, which libtiff heeds
    *(32_997, 32_998),  # volumes
}

# fields among those that are copied all the same for each page of several
PAGE_TAGS = frozenset({Tag.SUBFILE, Tag.PAGE_NUMBER, Tag.XMP})
