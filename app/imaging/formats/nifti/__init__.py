"""NIfTI-1 and NIfTI-2 in one file: volumes of two to four dimensions, in numbers or RGB."""

from app.imaging.formats.format import FileFormat, Holds
from app.imaging.formats.nifti.file import decode, encode, is_nifti, read_header
from app.imaging.picture import Format

HOLDS = Holds(depths=(8, 16, 32, 64), numbers=True, frames=True, others=False)

FORMAT = FileFormat(
    name=Format.NIFTI,
    title="NIfTI",
    media_types=("image/x-nifti",),
    suffixes=(".nii",),
    recognises=is_nifti,
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=HOLDS,
)
