"""The fidelity table: what each kind of file comes back as, with nothing of its noise removed.

Sent to /denoise?strength=0, a picture must come back as it went in: what does not is named.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import imagecodecs
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom import uid

from app.imaging.codec import Change, Format
from tests.fidelity import files
from tests.fidelity.files import DEEP, NOISE, SMOOTH, Samples, by_pillow, by_tifffile, spread
from tests.fidelity.foreign import SAMPLES

Item = Literal["profile", "exif", "gps", "xmp", "dpi", "comment"]

ALPHA, CHANNEL, COLOURS, DEPTH = Change.ALPHA, Change.CHANNEL, Change.COLOURS, Change.DEPTH
END, FORMAT, METADATA = Change.END, Change.FORMAT, Change.METADATA
ORIENTATION, PROFILE = Change.ORIENTATION, Change.PROFILE
LOSSY = 6
"""Levels of 255 that a second lossy coding may cost a smooth picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A picture in return: its format, its samples to within `tolerance`, and what has changed.

    `samples` is `[height, width]` for grey, else with 2, 3 or 4 channels, of the answer's depth.
    The last of an even number is alpha, or, with `unstated`, a channel of no stated meaning.
    """

    format: Format
    samples: Samples
    changes: tuple[Change, ...] = ()
    tolerance: int = 0
    metadata: frozenset[Item] = frozenset()
    unstated: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """An error in return."""

    status: int
    code: str


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of file, how to make one, and what comes back; `query` is added to strength=0."""

    section: str
    upload: str
    make: Callable[[], bytes | bytearray]
    result: Kept | Refused
    query: str = ""


UNSUPPORTED = Refused(415, "unsupported-media-type")
UNREADABLE = Refused(400, "unreadable-image")


def cases() -> Iterator[Case]:
    """All rows of the table."""
    sections: dict[str, Callable[[], Iterator[Row]]] = {
        "PNG": _png,
        "JPEG": _jpeg,
        "WebP": _webp,
        "TIFF": _tiff,
        "DICOM": _dicom,
        "DICOM in a zip": _dicom_zip,
        "NIfTI": partial(_nifti, Format.NIFTI),
        "NIfTI in gzip": partial(_nifti, Format.NIFTI_GZ),
        "AVIF": _avif,
        "HEIC": _heic,
        "JPEG XL": _jxl,
        "BMP": _bmp,
        "GIF": _gif,
        "Other formats": _others,
        "Orientation": _orientations,
        "Metadata": _metadata,
        "Another format": _conversions,
    }
    for section, rows in sections.items():
        for upload, make, result, *query in rows():
            yield Case(section, upload, make, result, *query)


Make = Callable[[], bytes | bytearray]
Row = tuple[str, Make, Kept | Refused] | tuple[str, Make, Kept | Refused, str]

PALETTE: Samples = np.array([[200, 10, 30], [0, 90, 250], [255, 255, 0], [9, 8, 7]], np.uint8)
INDICES: Samples = NOISE[..., 0] % 4
SEEN: Samples = PALETTE[INDICES]
OPACITY: Samples = np.where(INDICES == 2, 0, 255).astype(np.uint8)
LINEAR = {
    "gAMA": files.png_chunk(b"gAMA", (100_000).to_bytes(4, "big")),
    "cICP": files.png_chunk(b"cICP", bytes([1, 8, 0, 1])),
    "a profile": files.png_chunk(b"iCCP", b"linear\0\0" + zlib.compress(files.linear_profile())),
}
"""Chunks by which a PNG says that its samples are in proportion to light."""
GREY: Samples = SMOOTH[..., 0]
INKS: Samples = np.dstack((SMOOTH, GREY // 2))
LIGHT: Samples = 255 - INKS.astype(float)
PRINTED: Samples = np.rint(LIGHT[..., :3] * LIGHT[..., 3:] / 255).astype(np.uint8)
"""The inks as RGB."""


def _channels(samples: Samples, names: str) -> Samples:
    """Grey, grey + alpha, RGB or RGB + alpha of four channels."""
    picked = samples[..., {"L": [0], "LA": [0, 3], "RGB": [0, 1, 2], "RGBA": [0, 1, 2, 3]}[names]]
    return picked[..., 0] if names == "L" else picked


MODES = {"L": "grey", "LA": "grey + alpha", "RGB": "RGB", "RGBA": "RGB + alpha"}


def _png() -> Iterator[Row]:
    plain = partial(files.png, interlaced=False)
    for bits in (1, 2, 4):
        grey = files.few_bits(bits)
        back = Kept(Format.PNG, spread(grey[..., 0], bits), (DEPTH,))
        yield f"{bits}-bit grey", partial(plain, grey, bits, 0), back
    for bits, source in ((8, NOISE), (16, DEEP)):
        for (names, title), kind in zip(MODES.items(), (0, 4, 2, 6), strict=True):
            samples = _channels(source, names)
            planes = samples.reshape(*samples.shape[:2], -1)
            back = Kept(Format.PNG, samples)
            yield f"{bits}-bit {title}", partial(plain, planes, bits, kind), back
            make = partial(files.png, planes, bits, kind, interlaced=True)
            yield f"{bits}-bit {title}, interlaced", make, back
    colours = files.png_chunk(b"PLTE", PALETTE.tobytes())
    opacity = files.png_chunk(b"tRNS", bytes([255, 255, 0]))
    for bits in (2, 4, 8):
        make = partial(plain, INDICES[..., None], bits, 3, colours)
        yield f"palette, {bits}-bit indices", make, Kept(Format.PNG, SEEN, (COLOURS,))
    make = partial(plain, INDICES[..., None], 8, 3, colours, opacity)
    back = Kept(Format.PNG, np.dstack((SEEN, OPACITY)), (ALPHA, COLOURS))
    yield "palette with transparency", make, back
    greys = files.png_chunk(b"PLTE", bytes(level for level in (3, 99, 7, 200) for _ in "rgb"))
    back = Kept(Format.PNG, np.array([3, 99, 7, 200], np.uint8)[INDICES], (COLOURS,))
    yield "palette of greys", partial(plain, INDICES[..., None], 8, 3, greys), back
    for bits, source in ((8, NOISE), (16, DEEP)):
        for names, kind in (("L", 0), ("RGB", 2)):
            samples = _channels(source, names)
            planes = samples.reshape(*samples.shape[:2], -1)
            colour = planes[0, 0]
            hidden = (planes == colour).all(axis=-1)
            opaque = np.where(hidden, 0, 2**bits - 1).astype(samples.dtype)
            chunk = files.png_chunk(b"tRNS", colour.astype(">u2").tobytes())
            back = Kept(Format.PNG, np.dstack((samples, opaque)), (ALPHA,))
            make = partial(plain, planes, bits, kind, chunk)
            yield f"{bits}-bit {MODES[names]} with a transparent colour", make, back
    deep, seen = DEEP[..., :3], Kept(Format.PNG, DEEP[..., :3])
    for said, chunk in LINEAR.items():
        yield f"16-bit RGB, linear by {said}", partial(plain, deep, 16, 2, chunk), seen
    make, whole = partial(plain, deep, 16, 2), Kept(Format.PNG, deep, (END,))
    yield "16-bit RGB without an end", partial(_but_for, make, 12), whole
    yield "16-bit RGB, damaged behind its pixels", lambda: _but_for(make, 12) + bytes(9), whole
    yield "16-bit RGB without its last pixels", partial(_but_for, make, 20), UNREADABLE
    yield "animated", partial(files.animated, "PNG"), UNSUPPORTED


def _but_for(make: Make, count: int) -> bytes:
    """A file without its last bytes."""
    return bytes(make()[:-count])


def _with(make: Make, more: bytes) -> Make:
    """A file, and more bytes behind it."""
    return lambda: bytes(make()) + more


def _jpeg() -> Iterator[Row]:
    grey, rgb = (Kept(Format.JPEG, samples, (), LOSSY) for samples in (GREY, SMOOTH))
    printed = Kept(Format.JPEG, PRINTED, (COLOURS,), LOSSY)
    yield "grey", partial(by_pillow, GREY, "JPEG", quality=95), grey
    yield "colour", partial(by_pillow, SMOOTH, "JPEG", quality=95, subsampling=0), rgb
    yield (
        "colour, progressive",
        partial(by_pillow, SMOOTH, "JPEG", quality=95, progressive=True),
        rgb,
    )
    yield (
        "colour, stored as RGB",
        partial(by_pillow, SMOOTH, "JPEG", quality=95, keep_rgb=True),
        rgb,
    )
    for colours in (imagecodecs.JPEG8.CS.CMYK, imagecodecs.JPEG8.CS.YCCK):
        yield colours.name, partial(files.cmyk_jpeg, INKS, colours), printed
    inked = files.cmyk_jpeg(INKS, imagecodecs.JPEG8.CS.CMYK)
    yield "CMYK without Adobe's marker", partial(files.without_adobe, inked), printed
    ended = Kept(Format.JPEG, SMOOTH, (END,), LOSSY)
    for title, kind in (("colour", False), ("colour, progressive", True)):
        make = partial(by_pillow, SMOOTH, "JPEG", quality=95, progressive=kind)
        yield f"{title}, without an end", partial(_but_for, make, 2), ended
        yield f"{title}, without its last pixels", partial(_but_for, make, 5), UNREADABLE
    photo = by_pillow(SMOOTH, "JPEG", quality=95, subsampling=0)
    extras: dict[str, tuple[bytes, Change]] = {
        "a film behind it": (files.FILM, Change.FILM),
        "another picture behind it": (photo, Change.PICTURES),
    }
    for title, (extra, change) in extras.items():
        back = Kept(Format.JPEG, SMOOTH, (change, METADATA), LOSSY)
        yield f"colour, {title}", partial(bytes, photo + extra), back
    mapped = partial(bytes, photo + files.gain_map(photo))
    yield "colour, a gain map behind it", mapped, Kept(Format.JPEG, SMOOTH, (), LOSSY)
    back = Kept(Format.PNG, SMOOTH, (Change.GAIN_MAP,), LOSSY)
    yield "colour, a gain map behind it", mapped, back, "format=png"
    lossless = partial(imagecodecs.jpeg8_encode, SMOOTH, lossless=True)
    yield "lossless (SOF3)", lossless, UNSUPPORTED
    deep = partial(imagecodecs.jpeg8_encode, (DEEP[..., 0] >> 4), 95, bitspersample=12)
    yield "12-bit", deep, UNSUPPORTED


def _webp() -> Iterator[Row]:
    exact: dict[str, Any] = {"lossless": True, "exact": True}
    for names in ("RGB", "RGBA"):
        samples = _channels(NOISE, names)
        make = partial(by_pillow, samples, "WEBP", **exact)
        yield f"lossless, {MODES[names]}", make, Kept(Format.WEBP, samples)
    yield (
        "lossy, RGB",
        partial(by_pillow, SMOOTH, "WEBP", quality=95),
        Kept(Format.WEBP, SMOOTH, (), LOSSY),
    )
    veiled = np.dstack((SMOOTH, GREY))
    back = Kept(Format.WEBP, veiled, (), LOSSY)
    yield "lossy, RGB + alpha", partial(by_pillow, veiled, "WEBP", quality=95), back
    make = partial(by_pillow, NOISE, "WEBP", **exact)
    yield (
        "lossless, RGB, damaged behind its pixels",
        _with(make, b"damaged it is"),
        Kept(Format.WEBP, NOISE, (END,)),
    )
    yield "lossless, RGB, without its last pixels", partial(_but_for, make, 9), UNREADABLE
    yield "animated", partial(files.animated, "WEBP"), UNSUPPORTED


def _tiff() -> Iterator[Row]:
    for bits in (1, 2, 4, 6, 10, 12, 14):
        grey = files.few_bits(bits)
        back = Kept(Format.TIFF, spread(grey[..., 0], bits), (DEPTH,))
        yield f"{bits}-bit grey", partial(files.tiff_of_bits, grey, bits), back
    floats = {np.dtype(kind): (DEEP / 65_535).astype(kind) for kind in ("f2", "f4", "f8")}
    for title, source, changes in (
        ("8-bit", NOISE, ()),
        ("16-bit", DEEP, ()),
        ("16-bit floating-point", floats[np.dtype("f2")], ()),
        ("32-bit floating-point", floats[np.dtype("f4")], ()),
        ("64-bit floating-point", floats[np.dtype("f8")], ()),
    ):
        for names, mode in MODES.items():
            samples = _channels(source, names)
            back = Kept(Format.TIFF, samples, changes)
            yield f"{title} {mode}", partial(_tiff_file, samples), back
    rgb, back = DEEP[..., :3], Kept(Format.TIFF, DEEP[..., :3])
    yield "big-endian", partial(_tiff_file, rgb, byteorder=">"), back
    yield "BigTIFF", partial(_tiff_file, rgb, bigtiff=True), back
    yield "several strips", partial(_tiff_file, rgb, rowsperstrip=2), back
    yield "tiles", partial(_tiff_file, rgb, tile=(16, 16)), back
    planes = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
    yield "planes apart", partial(by_tifffile, planes, photometric="rgb", planarconfig=2), back
    for packing in ("lzw", "zlib", "zstd", "packbits"):
        yield f"{packing} compression", partial(_tiff_file, rgb, compression=packing), back
    yield (
        "zlib compression with a predictor",
        partial(_tiff_file, rgb, compression="zlib", predictor=True),
        back,
    )
    jpeg = partial(by_tifffile, SMOOTH, photometric="rgb", compression="jpeg")
    yield "JPEG compression", jpeg, Kept(Format.TIFF, SMOOTH, (), LOSSY)
    fax = partial(by_pillow, NOISE[..., 0], "TIFF", "1", compression="group4")
    bilevel = np.asarray(Image.fromarray(NOISE[..., 0]).convert("1"), np.uint8) * 255
    yield "1-bit, fax compression (group 4)", fax, Kept(Format.TIFF, bilevel, (DEPTH,))
    white = partial(by_tifffile, NOISE[..., 0], photometric="miniswhite")
    yield "8-bit grey, white is zero", white, Kept(Format.TIFF, 255 - NOISE[..., 0])
    make = partial(files.with_palette, INDICES, PALETTE, "TIFF")
    yield "palette", make, Kept(Format.TIFF, SEEN, (COLOURS,))
    make = partial(by_tifffile, INKS, photometric="separated")
    yield "CMYK", make, Kept(Format.TIFF, PRINTED, (COLOURS,))
    straight = np.dstack((SMOOTH // 5 * 5, np.full_like(GREY, 51)))
    multiplied = np.dstack((SMOOTH // 5 * 5 // 5, straight[..., 3]))
    make = partial(by_tifffile, multiplied, photometric="rgb", extrasamples=["assocalpha"])
    yield "8-bit RGB + premultiplied alpha", make, Kept(Format.TIFF, straight, (ALPHA,))
    pages = np.stack([SMOOTH, 255 - SMOOTH])
    yield "2 pages", partial(files.animated, "TIFF"), Kept(Format.TIFF, pages)
    yield "pages of two sizes", files.of_two_sizes, UNSUPPORTED
    for title, numbers in {
        "8-bit signed": NOISE.view("i1"),
        "16-bit signed": DEEP.view("i2"),
        "32-bit": DEEP.astype("u4") * 65_537,
        "32-bit signed": (DEEP.astype("u4") * 65_537).view("i4"),
        "32-bit floating-point, beyond 0 to 1,": (DEEP.astype("f4") - 30_000) * 3,
    }.items():
        grey = numbers[..., 0]
        yield f"{title} grey", partial(_tiff_file, grey), Kept(Format.TIFF, grey)
        refused = Refused(422, "unsuitable-format")
        yield f"{title} grey", partial(_tiff_file, grey), refused, "format=png"
    holed = DEEP[..., 0].astype("f4")
    holed[1, 2], holed[3, 4] = np.nan, np.inf
    yield (
        "32-bit floating-point grey, with NaN",
        partial(_tiff_file, holed),
        Kept(Format.TIFF, holed),
    )
    for title, source in (("8-bit", NOISE), ("16-bit", DEEP)):
        make = partial(by_tifffile, source, photometric="rgb", extrasamples=["unspecified"])
        yield f"{title} RGB + a channel not stated", make, Kept(Format.TIFF, source, unstated=True)
        back = Kept(Format.PNG, source[..., :3], (CHANNEL,))
        yield f"{title} RGB + a channel not stated", make, back, "format=png"
    yield (
        "24-bit grey",
        partial(files.tiff_of_bits, DEEP[..., :1].astype("u4") << 8, 24),
        UNSUPPORTED,
    )
    yield "CIE L*a*b*", partial(by_tifffile, SMOOTH, photometric="cielab"), UNSUPPORTED
    five = np.dstack((NOISE, NOISE[..., 0]))
    extra = partial(
        by_tifffile, five, photometric="rgb", extrasamples=["unassalpha", "unspecified"]
    )
    yield "RGB + two more channels", extra, UNSUPPORTED


def _tiff_file(samples: Samples, **options: Any) -> bytes:
    """Grey or RGB, alpha straight."""
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    if channels in (2, 4):
        options["extrasamples"] = ["unassalpha"]
    photometric = "rgb" if channels >= 3 else "minisblack"
    return by_tifffile(samples, photometric=photometric, planarconfig=1, **options)


def _avif() -> Iterator[Row]:
    for bits in (8, 10, 12):
        for title, samples in (("grey", SMOOTH[..., 0]), ("RGB", SMOOTH)):
            scaled = samples if bits == 8 else samples.astype(np.uint16) << (bits - 8)
            samples = samples if bits == 8 else spread(scaled, bits)
            if bits > 8:  # of 16 bits 12 are written
                samples = np.rint(samples / 65_535 * 4095).astype(np.uint16)
            changes = () if bits == 8 else (DEPTH,)
            back = Kept(Format.AVIF, samples, changes, LOSSY * (1 if bits == 8 else 16))
            yield f"{bits}-bit {title}", partial(files.avif, scaled, bits), back
    veiled = np.dstack((SMOOTH, GREY))
    back = Kept(Format.AVIF, veiled, (), LOSSY)
    yield "8-bit RGB + alpha", partial(files.avif, veiled, 8), back
    exif = partial(by_pillow, SMOOTH, "AVIF", quality=95, exif=files.exif(6))
    items: frozenset[Item] = frozenset({"exif", "gps"})
    back = Kept(Format.AVIF, files.turned(SMOOTH, 6), (ORIENTATION,), LOSSY, items)
    yield "turned, with EXIF", exif, back
    yield "animated", partial(files.animated, "AVIF"), UNSUPPORTED


def _heic() -> Iterator[Row]:
    for bits in (8, 10, 12):
        for title, samples in (("grey", SMOOTH[..., 0]), ("RGB", SMOOTH)):
            target = Format.JPEG if bits == 8 else Format.AVIF
            changes = (FORMAT,) if bits == 8 else (DEPTH, FORMAT)
            planes = samples if bits == 8 else samples.astype(np.uint16) * 273 // 17
            back = Kept(target, planes, changes, LOSSY * (1 if bits == 8 else 16))
            yield f"{bits}-bit {title}", partial(files.heic, samples, bits), back
    veiled = np.dstack((SMOOTH, GREY))
    back = Kept(Format.AVIF, veiled, (FORMAT,), LOSSY)
    yield "8-bit RGB + alpha", partial(files.heic, veiled, 8), back
    many = SMOOTH.repeat(8, axis=0).repeat(8, axis=1)
    grid = partial(files.heic, many, 8, tile_size=64)
    yield "grid of tiles", grid, Kept(Format.JPEG, many, (FORMAT,), 2 * LOSSY)
    turned = partial(files.heic, SMOOTH, 8, exif=files.exif(6), xmp=b"<x/>")
    items: frozenset[Item] = frozenset({"exif", "gps", "xmp"})
    back = Kept(Format.JPEG, files.turned(SMOOTH, 6), (FORMAT, ORIENTATION), LOSSY, items)
    yield "turned, with EXIF and XMP", turned, back
    kind = b"urn:com:apple:photo:2020:aux:hdrgainmap"
    back = Kept(Format.JPEG, SMOOTH, (FORMAT, Change.GAIN_MAP), LOSSY)
    yield "with a gain map", lambda: files.heic_beside(files.heic(SMOOTH, 8), kind), back


def _jxl() -> Iterator[Row]:
    for source in (NOISE, DEEP):
        for names, title in MODES.items():
            samples = _channels(source, names)
            title = f"{8 * samples.itemsize}-bit {title}, without loss"
            yield title, partial(files.jxl, samples), Kept(Format.JXL, samples)
    for bits in (10, 12):
        samples = SMOOTH.astype(np.uint16) << (bits - 8)
        make = partial(files.jxl, samples, bitspersample=bits)
        yield (
            f"{bits}-bit RGB, without loss",
            make,
            Kept(Format.JXL, spread(samples, bits), (DEPTH,)),
        )
    unit = (DEEP / 65_535).astype(np.float32)
    make = partial(files.jxl, unit)
    yield "32-bit floating-point RGB + alpha", make, Kept(Format.JXL, unit)
    make = partial(files.jxl, SMOOTH, lossless=False)
    yield "8-bit RGB, with loss", make, Kept(Format.JXL, SMOOTH, (), 2 * LOSSY)
    yield "animated", partial(files.jxl, np.stack([SMOOTH] * 2)), UNSUPPORTED


def _bmp() -> Iterator[Row]:
    bilevel = np.asarray(Image.fromarray(NOISE[..., 0]).convert("1"), np.uint8) * 255
    yield (
        "1-bit",
        partial(by_pillow, NOISE[..., 0], "BMP", "1"),
        Kept(Format.PNG, bilevel, (DEPTH, FORMAT)),
    )
    make = partial(by_pillow, NOISE[..., 0], "BMP")
    yield "8-bit grey", make, Kept(Format.PNG, NOISE[..., 0], (FORMAT,))
    make = partial(files.with_palette, INDICES, PALETTE, "BMP")
    yield "palette", make, Kept(Format.PNG, SEEN, (COLOURS, FORMAT))
    make = partial(by_pillow, NOISE[..., :3], "BMP")
    yield "24-bit RGB", make, Kept(Format.PNG, NOISE[..., :3], (FORMAT,))
    make = partial(by_pillow, NOISE, "BMP")
    yield "32-bit RGB and a byte of no use", make, Kept(Format.PNG, NOISE[..., :3], (FORMAT,))
    row, masks = NOISE[:1], (0xFF, 0xFF00, 0xFF_0000, 0xFF00_0000)
    make = partial(files.bmp, 32, 3, row.tobytes(), files.WIDTH, *masks)
    yield "32-bit RGB + alpha, by masks", make, Kept(Format.PNG, row, (FORMAT,))
    clipboard = np.dstack((row[..., :3], np.zeros_like(row[..., 3])))
    make = partial(files.bmp, 32, 3, clipboard.tobytes(), files.WIDTH, *masks)
    back = Kept(Format.PNG, row[..., :3], (FORMAT,))
    yield "32-bit RGB + alpha that is 0 all over", make, back
    five = np.array([[[31, 0, 31]]], np.uint8)  # of 31
    pixel = (31 << 10 | 31).to_bytes(4, "little")
    make = partial(files.bmp, 16, 0, pixel, 1)
    yield "16-bit RGB", make, Kept(Format.PNG, spread(five, 5), (DEPTH, FORMAT))
    yield "run lengths", partial(files.bmp, 8, 1, b"\2\0\0\1", 2), UNSUPPORTED


def _gif() -> Iterator[Row]:
    make = partial(files.with_palette, INDICES, PALETTE, "GIF")
    yield "palette", make, Kept(Format.PNG, SEEN, (COLOURS, FORMAT))
    make = partial(files.with_palette, INDICES, PALETTE, "GIF", 2)
    back = Kept(Format.PNG, np.dstack((SEEN, OPACITY)), (ALPHA, COLOURS, FORMAT))
    yield "palette with transparency", make, back
    make = partial(by_pillow, NOISE[..., 0], "GIF")
    yield "palette of greys", make, Kept(Format.PNG, NOISE[..., 0], (COLOURS, FORMAT))
    make = partial(files.with_palette, INDICES, PALETTE, "GIF", interlace=1)
    yield "interlaced", make, Kept(Format.PNG, SEEN, (COLOURS, FORMAT))
    make = partial(files.with_palette, INDICES, PALETTE, "GIF", comment=b"a comment")
    yield "with a comment", make, Kept(Format.PNG, SEEN, (COLOURS, FORMAT, METADATA))
    make = partial(files.with_palette, INDICES, PALETTE, "GIF")
    yield (
        "with more behind its end",
        _with(make, b"more"),
        Kept(Format.PNG, SEEN, (COLOURS, FORMAT, METADATA)),
    )
    yield (
        "without an end",
        partial(_but_for, make, 1),
        Kept(Format.PNG, SEEN, (COLOURS, END, FORMAT)),
    )
    yield "animated", partial(files.animated, "GIF"), UNSUPPORTED


def _dicom() -> Iterator[Row]:
    twelve = DEEP[..., 0] >> 4
    signed = (DEEP[..., 0] >> 4).view("i2") - 2048
    for title, samples, options in (
        ("8-bit grey", NOISE[..., 0], {}),
        ("8-bit RGB", NOISE[..., :3], {}),
        ("16-bit grey", DEEP[..., 0], {}),
        ("16-bit signed grey", DEEP[..., 0].view("i2"), {}),
        ("12-bit grey in 16", twelve, {"stored": 12}),
        ("12-bit signed grey in 16", signed, {"stored": 12}),
        ("12-bit grey in 16, MONOCHROME1", twelve, {"stored": 12, "photometric": "MONOCHROME1"}),
        ("16-bit grey, implicit VR", DEEP[..., 0], {"syntax": uid.ImplicitVRLittleEndian}),
        ("16-bit grey, big-endian", DEEP[..., 0], {"syntax": uid.ExplicitVRBigEndian}),
        ("12-bit grey, 4 frames", np.stack([DEEP[..., n] >> 4 for n in range(4)]), {"stored": 12}),
    ):
        yield title, partial(files.dicom, samples, **options), Kept(Format.DICOM, samples)
    for title, syntax, coder in (
        ("JPEG-LS", uid.JPEGLSLossless, imagecodecs.jpegls_encode),
        ("JPEG 2000", uid.JPEG2000Lossless, partial(imagecodecs.jpeg2k_encode, codecformat="j2k")),
        ("lossless JPEG", uid.JPEGLossless, partial(imagecodecs.jpeg8_encode, lossless=True)),
    ):
        make = partial(files.dicom, twelve, stored=12, syntax=syntax, coder=coder)
        yield f"12-bit grey, {title}", make, Kept(Format.DICOM, twelve)
    coder = partial(imagecodecs.jpeg8_encode, level=95)
    make = partial(files.dicom, SMOOTH[..., 0], syntax=uid.JPEGBaseline8Bit, coder=coder)
    yield "8-bit grey, JPEG", make, Kept(Format.DICOM, SMOOTH[..., 0], (), LOSSY)
    make = partial(files.dicom, DEEP[..., 0])
    yield "16-bit grey", make, Kept(Format.TIFF, DEEP[..., 0], (METADATA,)), "format=tiff"
    refused = Refused(422, "unsuitable-format")
    yield "16-bit grey", make, refused, "metadata=strip"
    make = partial(files.dicom, NOISE[..., 0], photometric="PALETTE COLOR")
    yield "palette", make, UNSUPPORTED


def _dicom_zip() -> Iterator[Row]:
    def make(samples: Samples, *others: tuple[str, bytes], **elements: Any) -> bytes:
        return files.zipped(*files.series(samples, **elements), *others)

    volume = np.stack([DEEP[..., n] for n in range(4)])
    for title, samples, stored in (
        ("16-bit grey", volume, None),
        ("12-bit signed grey in 16", (volume >> 4).view("i2") - 2048, 12),
        ("8-bit RGB", np.stack([NOISE[..., :3], 255 - NOISE[..., :3]]), None),
    ):
        yield (
            f"{title}, {len(samples)} slices",
            partial(make, samples, stored=stored),
            Kept(Format.DICOM_ZIP, samples),
        )
    several = partial(make, volume, ("a/one more", files.dicom(NOISE[..., 0])), ("DICOMDIR", b""))
    yield "two series, other files beside", several, Kept(Format.DICOM_ZIP, volume, (Change.FILES,))
    numbers = partial(make, volume)
    yield "16-bit grey, 4 slices", numbers, Kept(Format.TIFF, volume, (METADATA,)), "format=tiff"
    yield "no DICOM", partial(files.zipped, ("a.txt", b"text")), UNSUPPORTED
    yield "a name that leads out", partial(make, volume, ("../a.dcm", b"")), UNREADABLE


def _nifti(target: Format) -> Iterator[Row]:
    def make(samples: Samples, **options: Any) -> Callable[[], bytes]:
        return partial(files.nifti, samples, packed=target is Format.NIFTI_GZ, **options)

    volume = np.stack([DEEP[..., n] for n in range(4)])
    for title, numbers in {
        "8-bit": volume.astype("u1"),
        "16-bit signed": volume.view("i2"),
        "16-bit": volume,
        "32-bit floating-point": (volume.astype("f4") - 30_000) * 3,
    }.items():
        yield f"{title}, 4 slices", make(numbers), Kept(target, numbers)
    if target is Format.NIFTI_GZ:
        more = _with(make(volume), b"more")
        yield "16-bit, 4 slices, with more behind its end", more, Kept(target, volume, (METADATA,))
        return
    for title, numbers in {
        "8-bit signed": volume.view("i1")[..., :13],
        "32-bit": volume.astype("u4") * 65_537,
        "32-bit signed": (volume.astype("u4") * 65_537).view("i4"),
        "64-bit floating-point": volume / 3,
    }.items():
        yield f"{title}, 4 slices", make(numbers), Kept(target, numbers)
    numbers = volume.view("i2")
    yield "16-bit signed, 2 volumes of 2 slices", make(numbers, volumes=2), Kept(target, numbers)
    yield "16-bit signed, one slice", make(numbers[:1]), Kept(target, numbers[:1])
    yield "16-bit signed, NIfTI-2", make(numbers, version=2), Kept(target, numbers)
    yield "16-bit signed, big-endian", make(numbers, order=">"), Kept(target, numbers)
    rgb = np.stack([NOISE[..., :3], 255 - NOISE[..., :3]])
    yield "8-bit RGB, 2 slices", make(rgb), Kept(target, rgb)
    yield "complex numbers", make(volume.astype("c8")), UNSUPPORTED
    as_tiff = Kept(Format.TIFF, numbers, (METADATA,))
    yield "16-bit signed, 4 slices", make(numbers), as_tiff, "format=tiff"
    for query in ("format=png", "metadata=strip"):
        refused = Refused(422, "unsuitable-format")
        yield "16-bit signed, 4 slices", make(numbers), refused, query


def _others() -> Iterator[Row]:
    yield "JPEG 2000", partial(imagecodecs.jpeg2k_encode, SMOOTH), UNSUPPORTED
    for title, data in {title: data for title, data in SAMPLES if title != "a JPEG 2000"}.items():
        yield title.partition(" ")[2], partial(bytes, data), UNSUPPORTED
    yield "no bytes", bytes, Refused(400, "unreadable-image")
    half = by_pillow(NOISE, "PNG")
    yield "half a PNG", lambda: half[: len(half) // 2], Refused(400, "unreadable-image")
    header = files.png(np.zeros((1, 1, 1), np.uint8), 8, 0, interlaced=False)[:33]
    vast = bytearray(header)
    vast[16:24] = (60_000).to_bytes(4, "big") * 2
    crc = zlib.crc32(vast[12:29]).to_bytes(4, "big")
    many = bytes(vast[:29]) + crc + files.png_chunk(b"IEND", b"")
    yield "PNG of 60,000 x 60,000 pixels", lambda: many, Refused(413, "too-many-pixels")


WRITTEN = {Format.PNG: NOISE, Format.TIFF: NOISE, Format.WEBP: SMOOTH, Format.JPEG: SMOOTH}


def _orientations() -> Iterator[Row]:
    for target, source in WRITTEN.items():
        samples = source[..., :3]
        for orientation in range(1, 9):
            back = Kept(
                target,
                files.turned(samples, orientation),
                (ORIENTATION,) if orientation > 1 else (),
                0 if source is NOISE else LOSSY,
                frozenset({"exif", "gps"}),
            )
            options: dict[str, Any] = {"exif": files.exif(orientation)} | _finest(target)
            make = partial(by_pillow, samples, target.upper(), **options)
            yield f"{target.upper()}, EXIF orientation {orientation}", make, back


def _finest(target: Format) -> dict[str, Any]:
    """What Pillow takes to lose as little as the format can."""
    return {
        Format.JPEG: {"quality": 95, "subsampling": 0},
        Format.WEBP: {"quality": 95},
    }.get(target, {})


def _metadata() -> Iterator[Row]:
    profile = files.profile()
    for target, source in WRITTEN.items():
        samples, tolerance = source[..., :3], 0 if source is NOISE else LOSSY
        options: dict[str, Any] = {"icc_profile": profile, "exif": files.exif(1), "xmp": b"<x/>"}
        items: set[Item] = {"profile", "exif", "gps", "xmp"}
        if target is not Format.WEBP:
            options, items = options | {"dpi": (300, 200)}, items | {"dpi"}
        if target is Format.PNG:
            options.pop("xmp")
            text = PngInfo()
            text.add_itxt("XML:com.adobe.xmp", "<x/>")
            text.add_text("comment", "said in passing")
            options, items = options | {"pnginfo": text}, items | {"comment"}
        if target is Format.TIFF:
            options["exif"] = files.exif(1, XMP=options.pop("xmp"))
        if target is Format.JPEG:
            options, items = options | {"comment": b"said in passing"}, items | {"comment"}
        make = partial(by_pillow, samples, target.upper(), **options | _finest(target))
        title = f"{target.upper()} with {', '.join(sorted(items))}"
        yield title, make, Kept(target, samples, (), tolerance, frozenset(items))
        back = Kept(target, samples, (METADATA,), tolerance, frozenset({"profile"}))
        yield title, make, back, "metadata=strip"
    for name in (b"tEXt", b"zTXt"):
        make = partial(files.png, NOISE[..., :3], 8, 2, files.exif_text(name), interlaced=False)
        back = Kept(Format.PNG, NOISE[..., :3], (), metadata=frozenset({"exif", "gps"}))
        yield f"PNG with EXIF in a {name.decode()} chunk", make, back
    wide = partial(by_pillow, SMOOTH, "JPEG", quality=95, exif=files.adobe_exif())
    back = Kept(Format.JPEG, SMOOTH, (METADATA,), LOSSY, frozenset({"profile"}))
    yield "JPEG whose EXIF alone says Adobe RGB", wide, back, "metadata=strip"
    inks = bytes(16) + b"CMYK" + bytes(108)
    chunk = files.png_chunk(b"iCCP", b"damaged\0\0" + bytes(9))
    make = partial(files.png, NOISE[..., :3], 8, 2, chunk, interlaced=False)
    yield "PNG with a damaged profile", make, Kept(Format.PNG, NOISE[..., :3], (PROFILE,))
    make = partial(by_tifffile, INKS, photometric="separated", iccprofile=inks)
    back = Kept(Format.TIFF, PRINTED, (COLOURS, PROFILE))
    yield "CMYK TIFF with a damaged profile", make, back


def _conversions() -> Iterator[Row]:
    nothing = np.zeros(GREY.shape, "f4")
    make = partial(by_pillow, GREY, "PNG")
    for query in ("result=residual", "result=sigma-map"):
        yield "8-bit grey PNG", make, Kept(Format.TIFF, nothing, (DEPTH,)), query
    scan = partial(files.nifti, DEEP[..., 0].view("i2")[None])
    yield (
        "16-bit signed NIfTI",
        scan,
        Kept(Format.NIFTI, nothing[None], (DEPTH,)),
        "result=residual",
    )
    avif, jxl = (Kept(each, SMOOTH, (), 2 * LOSSY) for each in (Format.AVIF, Format.JXL))
    flat = np.dstack((DEEP[..., :3], np.full_like(DEEP[..., 0], 65_535)))
    deep = partial(files.png, interlaced=False)
    smooth = SMOOTH.astype(np.uint16) * 257
    yield (
        "16-bit RGB + alpha PNG",
        partial(deep, DEEP, 16, 6),
        Kept(Format.TIFF, DEEP),
        "format=tiff",
    )
    yield (
        "16-bit RGB + alpha PNG",
        partial(deep, DEEP, 16, 6),
        Kept(Format.JXL, DEEP),
        "format=jxl",
    )
    yield (
        "16-bit RGB PNG",
        partial(deep, smooth, 16, 2),
        Kept(Format.AVIF, SMOOTH.astype(np.uint16) * 273 // 17, (DEPTH,), 16 * LOSSY),
        "format=avif",
    )
    yield "8-bit RGB PNG", partial(by_pillow, SMOOTH, "PNG"), avif, "format=avif"
    yield "8-bit RGB PNG", partial(by_pillow, SMOOTH, "PNG"), jxl, "format=jxl&quality=90"
    back = Kept(Format.PNG, SMOOTH, (), LOSSY)
    yield "8-bit RGB AVIF", partial(files.avif, SMOOTH, 8), back, "format=png"
    yield "8-bit RGB JPEG XL", partial(files.jxl, SMOOTH), Kept(Format.PNG, SMOOTH), "format=png"
    yield (
        "16-bit RGB PNG",
        partial(deep, smooth, 16, 2),
        Kept(Format.WEBP, SMOOTH, (DEPTH,), LOSSY),
        "format=webp",
    )
    yield (
        "16-bit RGB PNG",
        partial(deep, smooth, 16, 2),
        Kept(Format.JPEG, SMOOTH, (DEPTH,), LOSSY),
        "format=jpeg",
    )
    yield (
        "16-bit RGB + alpha PNG",
        partial(deep, DEEP, 16, 6),
        Refused(422, "unsuitable-format"),
        "format=jpeg",
    )
    opaque = np.dstack((smooth, flat[..., 3]))
    yield (
        "16-bit RGB + alpha PNG, opaque",
        partial(deep, opaque, 16, 6),
        Kept(Format.JPEG, SMOOTH, (ALPHA, DEPTH), LOSSY),
        "format=jpeg",
    )
    yield (
        "8-bit grey PNG",
        partial(by_pillow, GREY, "PNG"),
        Kept(Format.WEBP, np.dstack((GREY, GREY, GREY)), (COLOURS,), LOSSY),
        "format=webp",
    )
    floats = (DEEP[..., :3] / 65_535).astype("f4")
    yield (
        "32-bit floating-point RGB TIFF",
        partial(_tiff_file, floats),
        Kept(Format.PNG, DEEP[..., :3], (DEPTH,)),
        "format=png",
    )
