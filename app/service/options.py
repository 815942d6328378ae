"""What may be asked for beside a picture, alike over HTTP and on the command line."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic.json_schema import SkipJsonSchema

from app.imaging import formats
from app.imaging.blend import Strength
from app.imaging.codec import Encoded, Format, Picture, UnsupportedImage, encode, stripped
from app.imaging.light import Transfer
from app.imaging.noise import ChannelMode, NoiseKind
from app.imaging.range import Choice, read_choice
from app.imaging.stack import AxesChoice

LARGEST_SEED = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly."""


def _a_range(text: str) -> str:
    read_choice(text)
    return text


class _Options(BaseModel):
    """Parameters by name; one that is not known is refused, lest a typo go unnoticed."""

    model_config = ConfigDict(extra="forbid")


class OutputOptions(_Options):
    """In what form a picture is answered."""

    format: Format | SkipJsonSchema[None] = Field(
        default=None, description="Format of the result.", examples=["png"]
    )
    quality: Annotated[int, Field(ge=1, le=100)] | SkipJsonSchema[None] = Field(
        default=None,
        description="Quality of a JPEG or WebP result; the other formats are lossless. By default "
        "95, and for what was a JPEG one that makes the result about as large.",
        examples=[95],
    )
    metadata: Literal["keep", "strip"] = Field(
        default="keep",
        description="Whether the result has the picture's metadata, the place it was taken at "
        "included. The colour profile is kept, and the picture turned upright, either way.",
    )

    @field_validator("format", mode="before")
    @classmethod
    def _by_any_name(cls, value: object) -> object:
        """A format as it is called here, where `value` is another of its names, such as jpg."""
        try:
            return formats.of_name(value).name if isinstance(value, str) else value
        except UnsupportedImage:
            return value  # which the field's own check then refuses, with all that it takes

    @property
    def strips(self) -> bool:
        """Whether the result is to have no metadata."""
        return self.metadata == "strip"

    def format_for(self, own: Format, *, lossless: bool) -> Format:  # noqa: ARG002
        """The format to answer in: as asked for, or the picture's `own`.

        `lossless` is for those who care whether that was a WebP without loss.
        """
        return self.format or own

    def encode(self, picture: Picture, target: Format) -> Encoded:
        """The picture as a file of these options; raises UnsuitableFormat."""
        return encode(stripped(picture) if self.strips else picture, target, self.quality)


class DenoiseOptions(OutputOptions):
    """The query of /denoise."""

    model: Annotated[str, Field(min_length=1, max_length=64)] | SkipJsonSchema[None] = Field(
        default=None,
        description="Name of a model, as `/models` and `denoiser models` list them; by default "
        "that of DENOISER_MODEL.",
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
        "by default as `strength`, which is then that of luma alone. Grey pictures ignore it.",
        examples=[1.0],
    )
    range: Annotated[str, Field(max_length=64), AfterValidator(_a_range)] = Field(
        default="auto",
        description="The values that the model is given as black and white: `full` is all that the "
        "picture's type holds, `LOW:HIGH` two numbers in its own units, and `auto` the picture's "
        "own range where it has more than 8 bits and fills less than half of them. Values beyond "
        "are kept, but for outliers that are noise.",
        examples=["auto", "100:4095"],
        json_schema_extra={"format": "range"},
    )
    transfer: Transfer = Field(
        default="auto",
        description="Whether the samples are in proportion to light: `linear` ones are denoised in "
        "a perceptual encoding and come back linear, `perceptual` ones are taken as they are, and "
        "`auto` goes by what the picture says: a PNG's gAMA or cICP chunk, or a colour profile.",
    )
    axes: AxesChoice = Field(
        default="auto",
        description="Along which axes planes are cut from a stack of slices: along all three, "
        "their results averaged, or along one. `auto` is all three where the file tells of "
        "voxels that are nearly isotropic, and else slice by slice. One picture is one plane.",
    )
    format: Format | SkipJsonSchema[None] = Field(
        default=None, description="Format of the result; by default that of the picture."
    )

    @property
    def working_range(self) -> Choice:
        """What `range` asks for."""
        return read_choice(self.range)

    @property
    def shares(self) -> Strength:
        """The shares of luma and of chroma."""
        colour = self.colour_strength
        return Strength(self.strength, self.strength if colour is None else colour)


class NoiseOptions(OutputOptions):
    """The query of /noise."""

    factor: float = Field(
        default=0.4,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        description="Strength of the noise; for gaussian, camera and grain its standard deviation "
        "on the 0..1 scale, for these two that over the whole picture.",
        examples=[0.4],
    )
    kind: NoiseKind = Field(
        default=NoiseKind.GAUSSIAN,
        description="Model of the noise: camera is what cameras leave in their pictures, grain "
        "that of film; rician is of MRI, speckle of ultrasound and radar.",
    )
    channels: ChannelMode = Field(
        default=ChannelMode.INDEPENDENT,
        description="Whether each colour channel has noise of its own or all share one plane; "
        "film grain is always shared.",
    )
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | SkipJsonSchema[None] = Field(
        default=None,
        description="The same seed gives the same picture; one is drawn where none is given.",
        examples=[1],
    )
    format: Format | SkipJsonSchema[None] = Field(
        default=None,
        description="Format of the result; by default that of the picture where it is TIFF, "
        "NIfTI or lossless WebP, and PNG for all others, so that the noise is not compressed away.",
    )

    def format_for(self, own: Format, *, lossless: bool) -> Format:
        """The format to answer in: as asked for, or one without loss."""
        is_kept = lossless or formats.FORMATS[own].holds.numbers
        return self.format or (own if is_kept else Format.PNG)
