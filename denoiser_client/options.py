"""The parameters of the requests, checked by the service, which has defaults for all."""

from typing import Literal, TypedDict

Format = Literal["png", "jpeg", "webp", "tiff", "nifti", "nifti-gz", "dicom"]


class OutputOptions(TypedDict, total=False):
    """In what form a picture comes back."""

    format: Format
    """By default that of the file, for `noise` one without loss; PNG for arrays."""
    quality: int
    """Of a JPEG or WebP file, 1 to 100."""
    metadata: Literal["keep", "strip"]


class DenoiseOptions(OutputOptions, total=False):
    """How noise is removed."""

    model: str
    """A name that `models()` lists."""
    strength: float
    """Share of the correction that is applied, 0 to 1."""
    colour_strength: float
    """The same for colour alone, 0 to 1; by default as `strength`."""
    range: str
    """The values that are black and white: `auto`, `full` or `LOW:HIGH`."""
    transfer: Literal["auto", "linear", "perceptual"]
    """Whether the samples are in proportion to light."""
    axes: Literal["auto", "1", "3"]
    """Along which axes of a stack of slices planes are cut."""


class NoiseOptions(OutputOptions, total=False):
    """What noise is added."""

    factor: float
    """Standard deviation on the 0..1 scale."""
    kind: Literal["gaussian", "poisson", "rician", "speckle", "salt-pepper", "camera", "grain"]
    channels: Literal["independent", "shared"]
    seed: int
