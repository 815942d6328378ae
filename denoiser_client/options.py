"""The parameters of requests, which the service validates.

Each has a default in the service, which applies if it is left out or None.
"""

from typing import Literal, TypedDict

Format = Literal[
    "png",
    "jpeg",
    "webp",
    "tiff",
    "avif",
    "jxl",
    "jp2",
    "pnm",
    "fits",
    "fits-gz",
    "mgh",
    "mgz",
    "mha",
    "nrrd",
    "nifti",
    "nifti-gz",
    "dicom",
    "dicom-zip",
]


class OutputOptions(TypedDict, total=False):
    """The form of the resulting image."""

    format: Format | None
    """Format of the result; by default that of the file, a lossless one for `noise`, and PNG for
    arrays.
    """
    quality: int | None
    """Quality of a JPEG, WebP, AVIF, JPEG XL or JPEG 2000 file, 1 to 100."""
    metadata: Literal["keep", "strip"] | None


class DenoiseOptions(OutputOptions, total=False):
    """How noise is removed."""

    model: str | None
    """Name of a model, as `models()` lists it; the service chooses one otherwise."""
    strength: float | None
    """Share of the correction that is applied, 0 to 1."""
    colour_strength: float | None
    """The same for colour alone, 0 to 1; by default the value of `strength`."""
    range: str | None
    """The values that are black and white: `auto`, `full` or `LOW:HIGH`."""
    transfer: Literal["auto", "linear", "perceptual"] | None
    """Whether the samples are proportional to light."""
    axes: Literal["auto", "1", "3"] | None
    """The axes of a stack of slices along which planes are cut."""
    ensemble: Literal[1, 2, 4, 8] | None
    """The number of orientations in which the image is denoised, to average the results."""
    result: Literal["image", "residual", "sigma-map"] | None
    """The image without its noise, what was removed, or how strong it was around each pixel."""


class NoiseOptions(OutputOptions, total=False):
    """What noise is added."""

    factor: float | None
    """Standard deviation on the 0..1 scale."""
    kind: (
        Literal["gaussian", "poisson", "rician", "speckle", "salt-pepper", "camera", "grain"] | None
    )
    channels: Literal["independent", "shared"] | None
    seed: int | None
