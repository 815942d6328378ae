"""DICOM, and series of it in a zip."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image
from pydicom import uid

from app.imaging.picture import Change, Format
from tests.fidelity import files
from tests.fidelity.files import DEEP, NOISE, SMOOTH, Samples
from tests.fidelity.row import (
    COLOURS,
    LOSSY,
    METADATA,
    UNREADABLE,
    UNSUITABLE,
    UNSUPPORTED,
    Kept,
    Row,
)
from tests.fidelity.samples import INDICES, PALETTE, SEEN


def _cut(frame: Samples) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(frame, lossless=True)[:-9])


def rows() -> Iterator[Row]:
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
        ("HTJ2K", uid.HTJ2KLossless, imagecodecs.htj2k_encode),
        ("lossless JPEG", uid.JPEGLossless, partial(imagecodecs.jpeg8_encode, lossless=True)),
    ):
        make = partial(files.dicom, twelve, stored=12, syntax=syntax, coder=coder)
        yield f"12-bit grey, {title}", make, Kept(Format.DICOM, twelve)
    cut = partial(files.dicom, twelve, stored=12, syntax=uid.JPEGLossless, coder=_cut)
    yield "12-bit grey, lossless JPEG, without its last pixels", cut, UNREADABLE
    coder = partial(imagecodecs.jpeg8_encode, level=95)
    make = partial(files.dicom, SMOOTH[..., 0], syntax=uid.JPEGBaseline8Bit, coder=coder)
    yield "8-bit grey, JPEG", make, Kept(Format.DICOM, SMOOTH[..., 0], (), LOSSY)
    ycc = np.asarray(Image.fromarray(SMOOTH).convert("YCbCr"))
    make = partial(files.dicom, ycc, photometric="YBR_FULL")
    coded = partial(make, syntax=uid.JPEGLSLossless, coder=imagecodecs.jpegls_encode)
    for title, file in (("8-bit YCbCr", make), ("8-bit YCbCr, JPEG-LS", coded)):
        yield title, file, Kept(Format.DICOM, SMOOTH, (COLOURS,), LOSSY)
    make = partial(files.dicom, DEEP[..., 0])
    yield "16-bit grey", make, Kept(Format.TIFF, DEEP[..., 0], (METADATA,)), "format=tiff"
    yield "16-bit grey", make, UNSUITABLE, "metadata=strip"
    make = partial(files.paletted, INDICES, PALETTE)
    yield "palette", make, Kept(Format.DICOM, SEEN, (COLOURS,))
    make = partial(files.dicom, twelve, stored=12, syntax=uid.DeflatedExplicitVRLittleEndian)
    yield "12-bit grey, deflated", make, Kept(Format.DICOM, twelve)


def in_a_zip() -> Iterator[Row]:
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
