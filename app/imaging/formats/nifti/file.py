"""Read and write NIfTI files: new samples, all other bytes unchanged."""

import numpy as np

from app.imaging.formats.nifti.head import Head, read_head, version_of
from app.imaging.picture import (
    Format,
    Header,
    Metadata,
    Note,
    Picture,
    UnreadableImage,
    UnsuitableFormat,
)

TAKEN_FOR = "MR"
"""The assumed modality of grey volumes: headers do not state one, and most are of MRI."""


def is_nifti(data: bytes) -> bool:
    """Return whether a file is a single-file NIfTI-1 or NIfTI-2."""
    return version_of(data) is not None


def read_header(data: bytes) -> Header:
    """Read the header, and check that the samples are complete."""
    head = read_head(data)
    if head.end > len(data):
        raise UnreadableImage("The NIfTI image is truncated.")
    return declared(head, Format.NIFTI)


def declared(head: Head, name: Format, copies: int = 2) -> Header:
    """Return the declared properties of a file; decoding takes `copies` of its samples."""
    pixel_bytes = copies * head.channels * head.dtype.itemsize
    stack = head.stack
    return Header(
        name,
        head.width,
        head.height,
        stack.frames,
        pixel_bytes,
        2 * head.offset,
        volumes=stack.volumes,
        spacing=stack.spacing,
        modality=TAKEN_FOR if head.channels == 1 else "",
    )


def decode(data: bytes, name: Format = Format.NIFTI) -> Picture:
    """Decode stored samples, without applying slope and intercept.

    Rows and slices are in the order of the file, from the first of each axis on.
    """
    head = read_head(data)
    samples = np.frombuffer(data, head.dtype, head.samples, head.offset)
    pixels = samples.astype(head.dtype.newbyteorder("="))
    return Picture(
        pixels.reshape(head.stack.frames * head.height, head.width, head.channels),
        format=name,
        metadata=Metadata(
            native=(data[: head.offset], data[head.end :]), notes=(Note.NOT_FOR_DIAGNOSIS,)
        ),
        stack=head.stack,
    )


def encode(picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG001
    """Encode a picture read from a NIfTI, leaving all bytes around its samples unchanged.

    Raises `UnsuitableFormat` for all other pictures, whose position in space is unknown.
    """
    native = picture.metadata.native
    if picture.format not in (Format.NIFTI, Format.NIFTI_GZ) or len(native) != 2:
        raise UnsuitableFormat(
            "Only what came as a NIfTI, and with its metadata, can be written as one; ask for tiff."
        )
    head = read_head(native[0])
    kept = head.width, head.height, head.channels, head.stack
    given = picture.width, picture.height, picture.channels, picture.stack
    if kept != given or head.dtype.newbyteorder("=") != picture.dtype:
        raise UnsuitableFormat("The image is not what its NIfTI header describes; ask for tiff.")
    return b"".join((native[0], picture.pixels.astype(head.dtype).tobytes(), native[1]))
