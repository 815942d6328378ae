"""NIfTI-1 and NIfTI-2 in one file: volumes of two to four dimensions, in numbers or RGB."""

from app.imaging.formats.nifti.head import is_nifti, read_head
from app.imaging.formats.volume import Kind
from app.imaging.picture import Format

NIFTI = Kind("a NIfTI", (Format.NIFTI, Format.NIFTI_GZ), is_nifti, read_head)
FORMAT = NIFTI.file("image/x-nifti", ".nii")
