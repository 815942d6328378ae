"""The fidelity table: what each kind of file comes back as, with nothing of its noise removed.

Sent to /denoise?strength=0, a picture must come back as it went in: what does not is named.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from app.imaging.picture import Format
from tests.fidelity.row import Kept, Make, Refused, Row
from tests.fidelity.rows import (
    avif,
    bmp,
    conversions,
    dicom,
    fits,
    gif,
    heic,
    jp2,
    jpeg,
    jxl,
    metadata,
    mgh,
    mha,
    nifti,
    nrrd,
    others,
    png,
    pnm,
    tiff,
    webp,
)

SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    "PNG": png.rows,
    "JPEG": jpeg.rows,
    "WebP": webp.rows,
    "TIFF": tiff.rows,
    "DICOM": dicom.rows,
    "DICOM in a zip": dicom.in_a_zip,
    "FITS": fits.rows,
    "FITS in gzip": fits.in_gzip,
    "NIfTI": partial(nifti.rows, Format.NIFTI),
    "NIfTI in gzip": partial(nifti.rows, Format.NIFTI_GZ),
    "MGH": partial(mgh.rows, Format.MGH),
    "MGH in gzip": partial(mgh.rows, Format.MGZ),
    "MetaImage": mha.rows,
    "NRRD": nrrd.rows,
    "AVIF": avif.rows,
    "HEIC": heic.rows,
    "JPEG XL": jxl.rows,
    "JPEG 2000": jp2.rows,
    "PNM": pnm.rows,
    "BMP": bmp.rows,
    "GIF": gif.rows,
    "Other formats": others.rows,
    "Orientation": metadata.orientations,
    "Metadata": metadata.metadata,
    "Another format": conversions.rows,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of file, how to make one, and the expected result; `query` is added to strength=0."""

    section: str
    upload: str
    make: Make
    result: Kept | Refused
    query: str = ""


def cases() -> Iterator[Case]:
    """All rows of the table."""
    for section, rows in SECTIONS.items():
        for upload, make, result, *query in rows():
            yield Case(section, upload, make, result, *query)
