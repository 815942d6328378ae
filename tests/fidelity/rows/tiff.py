"""TIFF."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import DEEP, NOISE, SMOOTH, Samples, by_pillow, by_tifffile, spread
from tests.fidelity.row import (
    ALPHA,
    CHANNEL,
    COLOURS,
    DEPTH,
    LOSSY,
    UNSUITABLE,
    UNSUPPORTED,
    Kept,
    Row,
)
from tests.fidelity.samples import GREY, INDICES, INKS, MODES, PALETTE, PRINTED, SEEN, channels


def rows() -> Iterator[Row]:
    numbers = chain(_numbers(), _unstated(), _bands())
    return chain(_depths(), _structures(), _colours(), _pages(), numbers, _refused())


def _depths() -> Iterator[Row]:
    """Bits of a sample, and channels."""
    for bits in (1, 2, 4, 6, 10, 12, 14):
        grey = files.few_bits(bits)
        back = Kept(Format.TIFF, spread(grey[..., 0], bits), (DEPTH,))
        yield f"{bits}-bit grey", partial(files.tiff_of_bits, grey, bits), back
    sources = {"8-bit": NOISE, "16-bit": DEEP}
    for kind in ("f2", "f4", "f8"):
        floats = (DEEP / 65_535).astype(kind)
        sources[f"{8 * floats.itemsize}-bit floating-point"] = floats
    for title, source in sources.items():
        for names, mode in MODES.items():
            samples = channels(source, names)
            back = Kept(Format.TIFF, samples)
            yield f"{title} {mode}", partial(_grey_or_rgb, samples), back


def _structures() -> Iterator[Row]:
    """How the bytes lie in the file."""
    rgb, back = DEEP[..., :3], Kept(Format.TIFF, DEEP[..., :3])
    yield "big-endian", partial(_grey_or_rgb, rgb, byteorder=">"), back
    yield "BigTIFF", partial(_grey_or_rgb, rgb, bigtiff=True), back
    yield "several strips", partial(_grey_or_rgb, rgb, rowsperstrip=2), back
    yield "tiles", partial(_grey_or_rgb, rgb, tile=(16, 16)), back
    whole = np.pad(rgb, ((0, 39), (0, 35), (0, 0)))
    gaps = partial(files.sparse, rgb, photometric="rgb")
    yield "sparse, some tiles left out", gaps, Kept(Format.TIFF, whole)
    planes = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
    yield "planes apart", partial(by_tifffile, planes, photometric="rgb", planarconfig=2), back
    for packing in ("lzw", "zlib", "zstd", "packbits"):
        yield f"{packing} compression", partial(_grey_or_rgb, rgb, compression=packing), back
    yield (
        "zlib compression with a predictor",
        partial(_grey_or_rgb, rgb, compression="zlib", predictor=True),
        back,
    )
    jpeg = partial(by_tifffile, SMOOTH, photometric="rgb", compression="jpeg")
    yield "JPEG compression", jpeg, Kept(Format.TIFF, SMOOTH, (), LOSSY)
    jp2 = {"compression": "jpeg2000", "tile": (16, 16)}
    deep = partial(_grey_or_rgb, rgb, **jp2)
    yield "JPEG 2000 compression, tiles", deep, back
    web = {"photometric": "rgb", "compression": "webp", "compressionargs": {"lossless": True}}
    yield (
        "WebP compression",
        partial(by_tifffile, NOISE[..., :3], **web),
        Kept(Format.TIFF, NOISE[..., :3]),
    )
    clear = partial(by_tifffile, NOISE, extrasamples=["unassalpha"], **web)
    yield "WebP compression, RGB + alpha", clear, Kept(Format.TIFF, NOISE)
    fax = partial(by_pillow, NOISE[..., 0], "TIFF", "1", compression="group4")
    bilevel = np.asarray(Image.fromarray(NOISE[..., 0]).convert("1"), np.uint8) * 255
    yield "1-bit, fax compression (group 4)", fax, Kept(Format.TIFF, bilevel, (DEPTH,))


def _colours() -> Iterator[Row]:
    """Colours that are not plain grey or RGB."""
    grey, deep = NOISE[..., 0], DEEP[..., 0]
    negatives = {
        "8-bit grey": grey,
        "16-bit grey": deep,
        "16-bit signed grey": deep.view("i2"),
        "32-bit floating-point grey": (grey / 256).astype("f4"),
    }
    for kind, samples in negatives.items():
        white = partial(by_tifffile, samples, photometric="miniswhite")
        yield f"{kind}, white is zero", white, Kept(Format.TIFF, samples)
    white = partial(by_tifffile, grey, photometric="miniswhite")
    yield "8-bit grey, white is zero", white, Kept(Format.PNG, 255 - grey), "format=png"
    make = partial(files.with_palette, INDICES, PALETTE, "TIFF")
    yield "palette", make, Kept(Format.TIFF, SEEN, (COLOURS,))
    make = partial(by_tifffile, INKS, photometric="separated")
    yield "CMYK", make, Kept(Format.TIFF, PRINTED, (COLOURS,))
    straight = np.dstack((SMOOTH // 5 * 5, np.full_like(GREY, 51)))
    multiplied = np.dstack((SMOOTH // 5 * 5 // 5, straight[..., 3]))
    make = partial(by_tifffile, multiplied, photometric="rgb", extrasamples=["assocalpha"])
    yield "8-bit RGB + premultiplied alpha", make, Kept(Format.TIFF, straight, (ALPHA,))


def _pages() -> Iterator[Row]:
    """More than one page."""
    pages = np.stack([SMOOTH, 255 - SMOOTH])
    yield "2 pages", partial(files.animated, "TIFF"), Kept(Format.TIFF, pages)
    stack = partial(by_tifffile, DEEP.transpose(2, 0, 1), imagej=True, truncate=True, metadata={})
    yield "4 slices in one directory", stack, UNSUPPORTED
    yield "pages of two sizes", files.of_two_sizes, UNSUPPORTED


def _numbers() -> Iterator[Row]:
    """Samples that are not unsigned, or go beyond a format."""
    for title, numbers in {
        "8-bit signed": NOISE.view("i1"),
        "16-bit signed": DEEP.view("i2"),
        "32-bit": DEEP.astype("u4") * 65_537,
        "32-bit signed": (DEEP.astype("u4") * 65_537).view("i4"),
        "32-bit floating-point, beyond 0 to 1,": (DEEP.astype("f4") - 30_000) * 3,
    }.items():
        grey = numbers[..., 0]
        yield f"{title} grey", partial(_grey_or_rgb, grey), Kept(Format.TIFF, grey)
        yield f"{title} grey", partial(_grey_or_rgb, grey), UNSUITABLE, "format=png"
    holed = DEEP[..., 0].astype("f4")
    holed[1, 2], holed[3, 4] = np.nan, np.inf
    yield (
        "32-bit floating-point grey, with NaN",
        partial(_grey_or_rgb, holed),
        Kept(Format.TIFF, holed),
    )


def _unstated() -> Iterator[Row]:
    """A channel of no stated meaning."""
    for title, source in (("8-bit", NOISE), ("16-bit", DEEP)):
        make = partial(by_tifffile, source, photometric="rgb", extrasamples=["unspecified"])
        yield f"{title} RGB + a channel not stated", make, Kept(Format.TIFF, source, unstated=True)
        back = Kept(Format.PNG, source[..., :3], (CHANNEL,))
        yield f"{title} RGB + a channel not stated", make, back, "format=png"


def _bands() -> Iterator[Row]:
    """More channels than colours, alpha and one more."""
    for title, source in (("8-bit", NOISE), ("16-bit", DEEP)):
        five = np.dstack((source, source[::-1, ::-1, 0]))
        make = partial(by_tifffile, five, photometric="minisblack", planarconfig="contig")
        yield f"{title}, 5 bands", make, Kept(Format.TIFF, five)
        yield f"{title}, 5 bands", make, UNSUITABLE, "format=png"
        meant = ["unassalpha", "unspecified"]
        make = partial(by_tifffile, five, photometric="rgb", extrasamples=meant)
        yield f"{title} RGB + alpha + a channel not stated", make, Kept(Format.TIFF, five)


def _refused() -> Iterator[Row]:
    """What is not read."""
    yield (
        "24-bit grey",
        partial(files.tiff_of_bits, DEEP[..., :1].astype("u4") << 8, 24),
        UNSUPPORTED,
    )
    yield "CIE L*a*b*", partial(by_tifffile, SMOOTH, photometric="cielab"), UNSUPPORTED
    five = np.dstack((NOISE, NOISE[..., 0]))
    extra = partial(
        by_tifffile, five, photometric="rgb", extrasamples=["assocalpha", "unspecified"]
    )
    yield "RGB + premultiplied alpha + one more channel", extra, UNSUPPORTED


def _grey_or_rgb(samples: Samples, **options: Any) -> bytes:
    """A file of grey or RGB samples, alpha straight."""
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    if channels in (2, 4):
        options["extrasamples"] = ["unassalpha"]
    photometric = "rgb" if channels >= 3 else "minisblack"
    return by_tifffile(samples, photometric=photometric, planarconfig=1, **options)
