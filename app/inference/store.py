"""The model packages in models/: NAME/model.keras and NAME/card.json, checked before use."""

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

UNPACKED_RATIO, UNPACKED_SLACK = 2, 1 << 20
"""The most that a model.keras may unpack to: so many times its bytes, and so many bytes more."""


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
    if (size := (folder / "model.keras").stat().st_size) != card.bytes:
        raise BadModelPackage(f"{folder}/model.keras: {size} bytes, the card says {card.bytes}")
    _check_unpacked_size(folder / "model.keras", card)
    return ModelPackage(folder / "model.keras", card)


def _check_unpacked_size(path: Path, card: ModelCard) -> None:
    """Refuses a file of which loading would make far more than it has bytes.

    Keras packs nothing: neither the archive nor the weights in it are smaller than what they hold.
    """
    most = UNPACKED_RATIO * card.bytes + UNPACKED_SLACK
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked <= most and "model.weights.h5" in archive.namelist():
                with archive.open("model.weights.h5") as weights:
                    unpacked = max(unpacked, _weights_size(weights.read(most)))
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise BadModelPackage(f"{path} cannot be loaded: {error}") from error
    if unpacked > most:
        raise BadModelPackage(
            f"{path}: unpacks to {unpacked} bytes, which is out of proportion to its {card.bytes}"
        )


def _weights_size(data: bytes) -> int:
    """Bytes of all arrays in an HDF5 file, as they are declared."""
    import h5py  # not at the top: it takes a while, and not all who read cards load models

    sizes = []

    def measure(_name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(item.size * item.dtype.itemsize)

    with h5py.File(io.BytesIO(data), "r") as file:
        file.visititems(measure)
    return sum(sizes)


def _first_error(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the card'}: {first['msg']}"
