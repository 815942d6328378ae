"""Orientation, and what else files tell beside their samples."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from PIL.PngImagePlugin import PngInfo

from app.imaging.picture import Format
from tests.fidelity import files
from tests.fidelity.files import NOISE, SMOOTH, by_pillow, by_tifffile
from tests.fidelity.row import COLOURS, LOSSY, METADATA, ORIENTATION, PROFILE, Item, Kept, Row
from tests.fidelity.samples import INKS, PRINTED

WRITTEN = {Format.PNG: NOISE, Format.TIFF: NOISE, Format.WEBP: SMOOTH, Format.JPEG: SMOOTH}


def orientations() -> Iterator[Row]:
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


def metadata() -> Iterator[Row]:
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


def _finest(target: Format) -> dict[str, Any]:
    """What Pillow takes to lose as little as the format can."""
    return {
        Format.JPEG: {"quality": 95, "subsampling": 0},
        Format.WEBP: {"quality": 95},
    }.get(target, {})
