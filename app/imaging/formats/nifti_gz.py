"""NIfTI files in gzip, the usual way to store them."""

from app.imaging.formats.nifti import NIFTI
from app.imaging.formats.nifti.head import LONGEST

FORMAT = NIFTI.in_gzip("application/gzip", ".nii.gz", longest=LONGEST)
