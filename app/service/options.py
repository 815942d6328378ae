"""The options of the operations, the same over HTTP and on the command line."""

import secrets
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic.json_schema import SkipJsonSchema

from app.imaging import formats
from app.imaging.blend import Strength
from app.imaging.changes import stripped
from app.imaging.codec import Encoded, encode
from app.imaging.light import Transfer
from app.imaging.noise import ChannelMode, NoiseKind
from app.imaging.orientation import EnsembleChoice
from app.imaging.picture import Format, Picture, UnsupportedImage
from app.imaging.range import read_choice
from app.imaging.removed import Wanted
from app.imaging.stack import AxesChoice
from app.inference.correction import Correction

LARGEST_SEED = 2**53 - 1
"""The largest integer that every JSON parser reads exactly."""


def _a_range(text: str) -> str:
    read_choice(text)
    return text


def _a_number(value: object) -> object:
    """Return the number in a text, which a Literal of numbers would not accept."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


class OutputOptions(BaseModel):
    """The form of the resulting image. Unknown parameters are refused, so that no typo goes
    unnoticed.
    """

    model_config = ConfigDict(extra="forbid")

    format: Format | SkipJsonSchema[None] = Field(
        default=None, description="Format of the result.", examples=["png"]
    )
    quality: Annotated[int, Field(ge=1, le=100)] | SkipJsonSchema[None] = Field(
        default=None,
        description="Quality of a JPEG, WebP, AVIF, JPEG XL or JPEG 2000 result; PNG, TIFF and "
        "PNM are lossless, and so are JPEG XL and JPEG 2000 unless this is given or the upload was "
        "lossy. By default 95, and 90 for AVIF and JPEG XL; for a JPEG upload, the quality that "
        "makes the result about as large. AVIF, JPEG XL and JPEG 2000 are lossless at 100.",
        examples=[95],
    )
    metadata: Literal["keep", "strip"] = Field(
        default="keep",
        description="Whether the result keeps the metadata, including the location where the image "
        "was taken. Either way, the colour profile is kept and the image is turned upright.",
    )

    @field_validator("format", mode="before")
    @classmethod
    def _by_any_name(cls, value: object) -> object:
        """Translate other names of a format, such as jpg, to its own."""
        try:
            return formats.of_name(value).name if isinstance(value, str) else value
        except UnsupportedImage:
            return value  # refused by the validation of the field, which lists the choices

    @property
    def strips(self) -> bool:
        """Whether the result is to have no metadata."""
        return self.metadata == "strip"

    def format_for(self, own: Format, *, lossless: bool) -> Format:  # noqa: ARG002
        """Return the format of the result: the requested one, or the image's `own`.

        `lossless` says whether the upload was lossless, which matters to subclasses.
        """
        return self.format or own

    def encode(self, picture: Picture, target: Format) -> Encoded:
        """Encode an image with these options; raise UnsuitableFormat."""
        return encode(stripped(picture) if self.strips else picture, target, self.quality)


class DenoiseOptions(OutputOptions):
    """The query parameters of /denoise."""

    model: Annotated[str, Field(min_length=1, max_length=64)] | SkipJsonSchema[None] = Field(
        default=None,
        description="Name of a model, as `/models` and `denoiser models` list them; by default the "
        "one whose card names the modality of the scan, and DENOISER_MODEL for all other images.",
        examples=["unet"],
    )
    strength: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        description="Share of the correction that is applied: x + strength * (f(x) - x).",
        examples=[0.6],
    )
    colour_strength: (
        Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | SkipJsonSchema[None]
    ) = Field(
        default=None,
        description="The same for colour alone, Cb and Cr of the correction (BT.601, full range); "
        "by default as `strength`, which otherwise applies to luma alone. Ignored for grey images.",
        examples=[1.0],
    )
    range: Annotated[str, Field(max_length=64), AfterValidator(_a_range)] = Field(
        default="auto",
        description="The values that the model sees as black and white: `full` is the whole range "
        "of the sample type, `LOW:HIGH` two numbers in the samples' units, and `auto` the range of "
        "the image itself if it has more than 8 bits and fills less than half of them. Values "
        "beyond are kept, except outliers that are noise.",
        examples=["auto", "100:4095"],
        json_schema_extra={"format": "range"},
    )
    transfer: Transfer = Field(
        default="auto",
        description="Whether the samples are proportional to light: `linear` ones are denoised in "
        "a perceptual encoding and returned linear, `perceptual` ones are used as they are, and "
        "`auto` follows the file: a PNG's gAMA or cICP chunk, or the colour profile.",
    )
    axes: AxesChoice = Field(
        default="auto",
        description="Axes of a stack of slices along which planes are cut and denoised: all three, "
        "with their results averaged, or one. `auto` is all three if the file declares nearly "
        "isotropic voxels, else one, slice by slice. A single image is one plane.",
    )
    ensemble: Annotated[EnsembleChoice, BeforeValidator(_a_number)] = Field(
        default=1,
        description="The number of orientations, rotated and mirrored, in which the model sees the "
        "image; the result is their mean. The time grows in proportion, and 8 gain about 0.2 dB.",
        examples=[8],
    )
    result: Wanted = Field(
        default="image",
        description="What to return: the image without its noise; `residual`, what was removed, "
        "as 32-bit floats in the units of the samples; or `sigma-map`, the deviation of that "
        "around each pixel. The latter two are TIFF by default, or NIfTI for a grey NIfTI.",
    )
    format: Format | SkipJsonSchema[None] = Field(
        default=None, description="Format of the result; by default that of the upload."
    )

    def format_for(self, own: Format, *, lossless: bool) -> Format:  # noqa: ARG002
        """Return the format of the result: the requested one, or the upload's `own` if possible."""
        keeps = self.result == "image" or own in (Format.NIFTI, Format.NIFTI_GZ)
        return self.format or (own if keeps else Format.TIFF)

    @property
    def shares(self) -> Strength:
        """The shares of the correction for luma and chroma."""
        colour = self.colour_strength
        return Strength(self.strength, self.strength if colour is None else colour)

    @property
    def correction(self) -> Correction:
        """The options for `Denoiser`."""
        return Correction(
            strength=self.shares,
            range=read_choice(self.range),
            transfer=self.transfer,
            axes=self.axes,
            ensemble=self.ensemble,
        )


class NoiseOptions(OutputOptions):
    """The query parameters of /noise."""

    factor: float = Field(
        default=0.4,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        description="Strength of the noise; for gaussian, camera and grain its standard deviation "
        "on the 0..1 scale (for the latter two over the whole image).",
        examples=[0.4],
    )
    kind: NoiseKind = Field(
        default=NoiseKind.GAUSSIAN,
        description="Kind of noise: camera is the noise that cameras leave in their images, grain "
        "that of film, rician that of MRI, speckle that of ultrasound and radar.",
    )
    channels: ChannelMode = Field(
        default=ChannelMode.INDEPENDENT,
        description="Whether each colour channel has noise of its own or all share one plane; "
        "film grain is always shared.",
    )
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | SkipJsonSchema[None] = Field(
        default=None,
        description="Seed of the noise; the same seed gives the same image. Random by default.",
        examples=[1],
    )
    format: Format | SkipJsonSchema[None] = Field(
        default=None,
        description="Format of the result; by default that of the upload where it is TIFF, PNM, "
        "FITS, DICOM, a volume such as NIfTI, or lossless WebP, JPEG XL or JPEG 2000, and PNG for "
        "all others, so that the noise is not compressed away.",
    )

    def format_for(self, own: Format, *, lossless: bool) -> Format:
        """Return the format of the result: the requested one, or a lossless one."""
        is_kept = lossless or formats.FORMATS[own].holds.numbers
        return self.format or (own if is_kept else Format.PNG)

    def seed_or_random(self) -> int:
        """Return the seed, or one drawn at random."""
        return secrets.randbits(32) if self.seed is None else self.seed
