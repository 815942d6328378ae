"""The model packages in models/, NAME/model.keras and NAME/card.json, checked before use."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.inference.card import ModelCard, first_error

UNPACKED_RATIO, UNPACKED_SLACK = 2, 1 << 20
"""The most that a model.keras may unpack to: this many times its bytes, and this many bytes
more.
"""


class BadModelPackage(Exception):
    """A package is incomplete, its card is invalid, or its file is not the one on the card."""


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A model file whose SHA-256 is the one on its card."""

    path: Path
    card: ModelCard

    @property
    def name(self) -> str:
        """The name by which callers choose the model."""
        return self.card.name


def read_packages(models: Path) -> dict[str, ModelPackage]:
    """Read all packages below `models`, by name, historical ones last.

    A folder without a card is not a package. Raises BadModelPackage if there is no package, or if
    one is not what its card says: a model is code, and only the file that was packaged is ever
    loaded.
    """
    packages = [_read_package(card) for card in sorted(models.glob("*/card.json"))]
    if not packages:
        raise BadModelPackage(f"no model packages in {models}")
    packages.sort(key=lambda package: package.card.historical)
    return {package.name: package for package in packages}


def chosen(packages: Mapping[str, ModelPackage], default: str, modality: str) -> str:
    """Return the model for an image if none is named: the default, or the one for its modality.

    `modality` is empty unless the image is a scan. Of several models for it, the default is
    preferred, then the first; historical ones are never chosen.
    """
    cards = [packages[default].card, *(package.card for package in packages.values())]
    fit = (card.name for card in cards if modality and card.modality == modality)
    return next((name for name in fit if not packages[name].card.historical), default)


def _read_package(card_path: Path) -> ModelPackage:
    folder = card_path.parent
    try:
        card = ModelCard.model_validate_json(card_path.read_bytes())
        with (folder / "model.keras").open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except ValidationError as error:
        raise BadModelPackage(f"{card_path}: {first_error(error)}") from error
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
    """Refuse a file that would grow far beyond its size when loaded.

    Keras compresses nothing, neither the archive nor the weights in it.
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
    """Return the bytes of all arrays in an HDF5 file, as declared."""
    import h5py  # not at the top, since the import is slow and reading cards does not need it

    sizes = []

    def measure(_name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(item.size * item.dtype.itemsize)

    with h5py.File(io.BytesIO(data), "r") as file:
        file.visititems(measure)
    return sum(sizes)
