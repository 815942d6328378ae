"""The data set of a derived image, by the rules of PS3.3.

C.7.6.1.1.2 defines the image type and the sources, C.12.4.1.1 requires a new instance, C.7.6.1.1.5
requires lossy compression to be recorded permanently, and C.7.5.2 defines the contributing
equipment.
"""

import hashlib
import uuid
from collections.abc import Iterator
from importlib.metadata import version

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from app.imaging.formats.dicom.dataset import written
from app.imaging.formats.dicom.values import items
from app.imaging.samples import Samples

WARNING = "Not for diagnosis."
LONGEST_TEXT, LONGEST_NAME = 1024, 64  # characters of ST and of LO, PS3.5, table 6.2-1

_NO_MORE_TRUE = (
    "DigitalSignaturesSequence",
    "MACParametersSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "IconImageSequence",
)
"""Elements that hold only for the original file or its pixels."""
_FRAME_TYPES = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence")


def derived(dataset: Dataset, samples: Samples, *, is_lossy: bool, made: str) -> bytes:
    """Return the file of a derived image with the given samples [rows, columns, channels].

    Frames are stacked below each other. `made` describes the derivation in words. Equal samples,
    derived alike from one image, give the same instance; images derived alike from a series form
    one series.
    """
    _identify(dataset, samples, made)
    _describe(dataset, made)
    if is_lossy:
        dataset.LossyImageCompression = "01"
    for name in _NO_MORE_TRUE:
        if name in dataset:
            del dataset[name]
    for name, value in (
        ("SmallestImagePixelValue", samples.min()),
        ("LargestImagePixelValue", samples.max()),
    ):
        if name in dataset:
            setattr(dataset, name, int(value))
    if samples.shape[-1] == 3:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.HighBit = dataset.BitsStored - 1
    pixels = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    dataset.add_new("PixelData", "OW", pixels + bytes(len(pixels) % 2))
    implicit, little = dataset.original_encoding
    if not (implicit and little):
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return written(dataset)


def _identify(dataset: Dataset, samples: Samples, made: str) -> None:
    """Set new identifiers and the source image."""
    source = Dataset()
    source.ReferencedSOPClassUID = dataset.SOPClassUID
    source.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    source.PurposeOfReferenceCodeSequence = Sequence(
        [_code("121322", "Source image for image processing operation")]
    )
    digest = hashlib.sha256(samples.tobytes()).hexdigest()
    dataset.SOPInstanceUID = _uid(dataset.SOPInstanceUID, made, digest)
    dataset.SeriesInstanceUID = _uid(dataset.SeriesInstanceUID, made)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.SourceImageSequence = Sequence([source])


def _describe(dataset: Dataset, made: str) -> None:
    """Describe the derivation, and warn of diagnostic use."""
    said = [str(dataset.get("DerivationDescription", "")), made, WARNING]
    dataset.DerivationDescription = " ".join(filter(None, said))[-LONGEST_TEXT:]
    series = str(dataset.get("SeriesDescription", ""))
    added = " [denoised, not for diagnosis]" if made else " [not for diagnosis]"
    dataset.SeriesDescription = (series[: LONGEST_NAME - len(added)] + added).strip()
    dataset.ImageType = ["DERIVED", *list(dataset.get("ImageType") or ["", "PRIMARY"])[1:]]
    for group in _functional_groups(dataset):
        for name in _FRAME_TYPES:
            for item in group.get(name) or ():
                item.FrameType = ["DERIVED", *list(item.FrameType)[1:]]
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = Sequence([_code("109102", "Processing Equipment")])
    equipment.Manufacturer = equipment.ManufacturerModelName = "Denoiser"
    equipment.SoftwareVersions = version("denoiser")
    equipment.ContributionDescription = made or "Written anew."
    before = list(dataset.get("ContributingEquipmentSequence") or ())
    dataset.ContributingEquipmentSequence = Sequence([*before, equipment])


def _functional_groups(dataset: Dataset) -> Iterator[Dataset]:
    """Yield each item of the shared and the per-frame functional groups."""
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        yield from items(dataset, name)


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def _uid(*parts: str) -> str:
    """Return an identifier derived from texts, by PS3.5, B.2."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, ' '.join(parts)).int}"
