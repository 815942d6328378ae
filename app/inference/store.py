"""The model packages in models/: NAME/model.keras and NAME/card.json, checked before use."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError


class BadModelPackage(Exception):
    """A package is incomplete, its card is not valid, or its file is not the one the card names."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingSet(_Part):
    """What the model has seen."""

    name: str
    images: PositiveInt
    terms: str = Field(description="the terms under which the images may be used")


class Score(_Part):
    """The mean over a test set at one noise level."""

    dataset: str
    protocol: str = Field(description="how the noise was made and the result was measured")
    sigma: float = Field(description="standard deviation of the noise, on the 0..255 scale")
    psnr: float = Field(description="dB")
    noisy: float | None = Field(None, description="dB, of the pictures as they came in")
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
    """What a model is, what it was trained for, and how well it does."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    title: str
    description: str
    historical: bool = Field(
        False, description="kept to be compared with, not to be used: listed last"
    )
    architecture: str
    parameters: PositiveInt
    gmac: float = Field(gt=0, description="10^9 multiply-adds for 256x256 pixels")
    floats_per_pixel: float = Field(
        gt=0,
        description="values that its widest layer puts out, for each pixel: memory grows with it",
    )
    stride: PositiveInt = Field(description="tiles start at, and measure, multiples of this")
    halo: int = Field(ge=0, description="pixels of context that a tile needs around its core")
    noise: str = Field(description="the noise it was trained to remove")
    history: tuple[str, ...] = Field(
        (), description="the stages of its training: how many patches, of what, on which noise"
    )
    training_data: tuple[TrainingSet, ...]
    metrics: tuple[Score, ...]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of model.keras")
    bytes: PositiveInt = Field(description="size of model.keras")
    licence: str
    created: str
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A model file whose SHA-256 is the one on its card."""

    path: Path
    card: ModelCard

    @property
    def name(self) -> str:
        """The name that callers use."""
        return self.card.name


def read_packages(models: Path) -> dict[str, ModelPackage]:
    """Every package below `models`, by name, the historical ones last.

    A folder without a card is not a package. Raises BadModelPackage if there is none, or if one
    of them is not what its card says: a model is code, and only the file that was packaged is
    ever loaded.
    """
    packages = [_read_package(card) for card in sorted(models.glob("*/card.json"))]
    if not packages:
        raise BadModelPackage(f"no model packages in {models}")
    packages.sort(key=lambda package: package.card.historical)
    return {package.name: package for package in packages}


def _read_package(card_path: Path) -> ModelPackage:
    folder = card_path.parent
    try:
        card = ModelCard.model_validate_json(card_path.read_bytes())
        with (folder / "model.keras").open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except ValidationError as error:
        raise BadModelPackage(f"{card_path}: {_first_error(error)}") from error
    except OSError as error:
        raise BadModelPackage(f"{folder}: {error.strerror}: {error.filename}") from error
    if card.name != folder.name:
        raise BadModelPackage(f"{folder}: the card is of a model named {card.name}")
    if digest != card.sha256:
        raise BadModelPackage(
            f"{folder}/model.keras: SHA-256 is {digest}, the card says {card.sha256}"
        )
    return ModelPackage(folder / "model.keras", card)


def _first_error(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the card'}: {first['msg']}"
