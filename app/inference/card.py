"""The model card: one schema for packaging, reading and publishing models."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from app.imaging.picture import MODALITY

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
"""The pattern of a model's name."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TrainingSet(_Part):
    """One of the image sets that the model was trained on."""

    name: str
    images: PositiveInt
    terms: str = Field(description="the terms under which the images may be used")


class Score(_Part):
    """The mean scores over a test set at one noise level."""

    dataset: str
    protocol: str = Field(description="how the noise was made and the result was measured")
    sigma: float = Field(description="standard deviation of the noise, on the 0..255 scale")
    psnr: float = Field(description="dB")
    noisy: float | None = Field(None, description="dB, of the noisy images")
    ssim: float | None = None
    rmse: float = Field(description="on the 0..1 scale")
    lowest: float | None = Field(None, description="dB, of the image that came out worst")
    shift: float | None = Field(
        None, description="largest change of a channel's mean, in 8-bit levels"
    )
    worst: float | None = Field(None, description="largest error of any value, in 8-bit levels")
    casts_rms: float | None = Field(
        None, description="by how much the means of 32x32 squares move, RMS, in 8-bit levels"
    )
    casts_95: float | None = Field(
        None, description="the same, the 95th percentile of the absolute movements"
    )


class ModelCard(_Part):
    """What a model is, what it was trained for, and its evaluation."""

    name: str = Field(pattern=NAME)
    title: str
    description: str
    historical: bool = Field(False, description="kept only for comparison, and listed last")
    modality: str | None = Field(
        None,
        pattern=f"^{MODALITY}$",
        description="in DICOM's codes, such as MR: the model that grey scans of this modality are "
        "denoised with where none is named",
    )
    architecture: str
    parameters: int = Field(gt=0, le=10**9)
    gmac: float = Field(gt=0, le=10_000, description="10^9 multiply-adds for 256x256 pixels")
    floats_per_pixel: float = Field(
        gt=0,
        le=4096,
        description="values that its widest layer puts out, for each pixel: memory grows with it",
    )
    stride: Literal[1, 2, 4, 8, 16, 32] = Field(
        description="tiles start at, and measure, multiples of this"
    )
    halo: int = Field(
        ge=0, le=512, description="pixels of context that a tile needs around its core"
    )
    noise: str = Field(description="the noise it was trained to remove")
    history: tuple[str, ...] = Field(
        (), description="the stages of its training: how many patches, of what, on which noise"
    )
    training_data: tuple[TrainingSet, ...]
    metrics: tuple[Score, ...]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of model.keras")
    bytes: int = Field(gt=0, le=1 << 30, description="size of model.keras")
    licence: str
    created: str
    versions: dict[str, str]


def first_error(error: ValidationError) -> str:
    """Return the first invalid field of a card, and why it is invalid."""
    first: Any = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the card'}: {first['msg']}"
