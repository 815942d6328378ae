"""Read and write DICOM files: frames as they are meant to be displayed, and derived images."""

import io

import numpy as np

from app.imaging.formats.dicom.dataset import parse, read, silence
from app.imaging.formats.dicom.derived import derived
from app.imaging.formats.dicom.frames import check, frames, inexactness, is_lossy, more_bytes
from app.imaging.formats.dicom.geometry import stack_of
from app.imaging.formats.dicom.kind import Kind, kind_of, modality_of, padding_of
from app.imaging.formats.dicom.palette import coloured, palette_of, without_palette
from app.imaging.formats.dicom.values import value
from app.imaging.picture import (
    Change,
    Format,
    Header,
    Metadata,
    Note,
    Picture,
    UnsuitableFormat,
    those_of,
)
from app.imaging.samples import Samples
from app.imaging.scale import limits


@silence()
def read_header(data: bytes) -> Header:
    """Read the declared properties of the pixels, and check that they can be decoded."""
    scan = read(data)
    kind = kind_of(scan.dataset)
    check(scan, kind)
    shown = kind.shown
    pixel_bytes = 6 * shown.channels * shown.dtype.itemsize
    inflated = len(scan.before) + len(scan.pixels) - len(data)
    return Header(
        Format.DICOM,
        kind.columns,
        kind.rows,
        stack_of(scan.dataset, kind.frames),
        pixel_bytes=max(16, pixel_bytes),
        more_bytes=3 * max(0, inflated) + more_bytes(scan, kind),
        segments=kind.frames,
        modality=modality_of(scan.dataset, shown),
    )


@silence()
def decode(data: bytes) -> Picture:
    """Decode frames to stored values, inverted if white is the least; padding has an alpha of 0."""
    scan = read(data)
    kind = kind_of(scan.dataset)
    check(scan, kind)
    shown, palette = kind.shown, None
    if shown != kind:
        palette = palette_of(scan.dataset)
    pixels = np.empty((kind.frames * kind.rows, kind.columns, shown.channels), shown.dtype)
    padding = padding_of(scan.dataset, kind) if shown.channels == 1 else None
    slack = 0 if padding is None else inexactness(scan, kind)
    alpha = None if padding is None else np.empty(pixels.shape[:2], kind.dtype)
    for number, frame in enumerate(frames(scan, kind)):
        place = slice(number * kind.rows, (number + 1) * kind.rows)
        pixels[place] = coloured(frame, palette) if palette else _seen(frame, kind)
        if alpha is not None and padding is not None:
            is_padding = (frame >= padding[0] - slack) & (frame <= padding[1] + slack)
            alpha[place] = np.where(is_padding[..., 0], 0, limits(kind.dtype)[1])
    if alpha is not None and alpha.all():
        alpha = None
    burned_in = str(value(scan.dataset, "BurnedInAnnotation", "")).upper() == "YES"
    notes = (Note.NOT_FOR_DIAGNOSIS, *((Note.BURNED_IN,) if burned_in else ()))
    changes = {
        Change.COLOURS: palette is not None or kind.photometric.startswith("YBR"),
        Change.METADATA: not scan.is_whole,
    }
    native = scan.before, b"lossy" if is_lossy(scan) else b""
    return Picture(
        pixels,
        alpha,
        Format.DICOM,
        Metadata(native=native, negative=_negative(kind), notes=notes),
        those_of(changes),
        stack=stack_of(scan.dataset, kind.frames),
    )


@silence()
def encode(picture: Picture) -> bytes:
    """Encode a picture read from a DICOM as an image derived from it, uncompressed.

    Raises `UnsuitableFormat` for all other pictures, which belong to no patient and no study.
    """
    native = picture.metadata.native
    if picture.format is not Format.DICOM or len(native) != 2:
        raise UnsuitableFormat(
            "Only what came as a DICOM, and with its metadata, can be written as one; ask for tiff."
        )
    try:
        dataset = parse(io.BytesIO(native[0]))
        kind = kind_of(dataset)
        given = picture.height, picture.width, picture.stack.frames, picture.channels, picture.dtype
        shown = kind.shown
        kept = kind.rows, kind.columns, kind.frames, shown.channels, shown.dtype
        if given == kept:
            samples = _seen(np.clip(picture.pixels, *shown.limits), shown)
            if shown != kind:
                without_palette(dataset)
            is_lossy = bool(native[1])
            return derived(dataset, samples, is_lossy=is_lossy, made=picture.metadata.made)
    except Exception:  # whose message may contain data of a patient
        raise UnsuitableFormat(
            "The data set of the DICOM is incomplete or damaged, and cannot be written again; ask "
            "for tiff."
        ) from None
    raise UnsuitableFormat("The image is not what its data set describes; ask for tiff.")


def _seen(samples: Samples, kind: Kind) -> Samples:
    """Convert stored values to brightness, or back."""
    total = _negative(kind)
    return samples if total is None else np.asarray(kind.dtype.type(total) - samples)


def _negative(kind: Kind) -> int | None:
    """Return the sum of brightness and stored value for MONOCHROME1, where white is the least."""
    return sum(kind.limits) if kind.photometric == "MONOCHROME1" else None
