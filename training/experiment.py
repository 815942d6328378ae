"""The description of a run: one TOML file, with every value that determines the result."""

import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from app.imaging.picture import MODALITY
from app.inference.card import NAME
from training.errors import TrainingError
from training.noise.settings import Noise
from training.section import Section, checked
from training.split import Split
from training.trial import Trial

LossName = Literal["mean_absolute_error", "mean_squared_error", "negative_psnr"]


class Folder(Section):
    """A folder of images below the data directory, and how patches are cut from it."""

    path: str = "."
    drawn: PositiveInt | None = Field(
        None,
        description="instead of a folder, this many drawn graphics without noise",
    )
    name: str = Field(
        "", description="what the model card calls it; the path by default, or own images"
    )
    terms: str = Field("not stated", description="under which the images may be used")
    only: tuple[str, ...] = Field((), description="names of the files to take; all by default")
    noisy: str | None = Field(None, description="noisy shots, a folder or a pattern, and ...")
    clean: str | None = Field(None, description="... clean ones of the same scenes, in pairs")
    weight: float = Field(1.0, gt=0, description="share of the patches, relative to the others")
    camera_weight: float | None = Field(
        None, ge=0, description="the same among patches with camera noise; `weight` by default"
    )
    side: PositiveInt | None = Field(None, description="shrink so that the shorter side is this")
    scales: tuple[float, ...] = Field((1.0,), description="keep a copy at each of these scales")
    split: Split = Field("groups", description="near-duplicates on one side, or file by file")
    test_share: float = Field(0.0, ge=0, lt=1, description="images held out")

    @model_validator(mode="after")
    def _is_one_source(self) -> Self:
        if self.drawn and (self.path != "." or self.only or self.noisy):
            raise ValueError("path, only and noisy are of no use with drawn")
        if (self.noisy is None) != (self.clean is None):
            raise ValueError("pairs need both noisy and clean")
        if self.noisy and (self.side or self.only or self.scales != (1.0,)):
            raise ValueError("pairs are taken whole: another size would change their noise")
        return self

    @property
    def label(self) -> str:
        """The name of the images on the model card."""
        if self.name or self.drawn:
            return self.name or "drawn graphics"
        return "own images" if self.path == "." else self.path

    def weight_for(self, family: str) -> float:
        """Return the weight among patches of a family of noise; the family `shot` is for pairs
        only.
        """
        if (family == "shot") != (self.noisy is not None):
            return 0.0
        if family == "camera" and self.camera_weight is not None:
            return self.camera_weight
        return self.weight


class Data(Section):
    """Where patches come from and how they are processed."""

    folders: tuple[Folder, ...] = Field((Folder(),), min_length=1)
    patch: PositiveInt = 128
    whole: bool = Field(
        False, description="squeeze every image to one patch; an epoch is every image once"
    )
    turn: bool = Field(True, description="rotate and mirror patches at random")
    grey_share: float = Field(0.1, ge=0, le=1, description="patches turned grey")
    dim_share: float = Field(0.0, ge=0, le=1, description="patches dimmed to U(0.1, 1)")
    stripped_share: float = Field(
        0.0, ge=0, le=1, description="patches that are 0 outside a shape, as brains without a skull"
    )
    validation: NonNegativeInt = Field(32, description="crops of held-out images, at most")


class Schedule(Section):
    """How long and how fast to train."""

    batch: PositiveInt = 16
    steps: PositiveInt = 20_000
    steps_per_epoch: PositiveInt = Field(500, description="between checkpoints")
    optimizer: Literal["muon", "adam"] = Field(
        "muon", description="Muon learns faster; earlier results were obtained with Adam"
    )
    learning_rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.01, ge=0, le=1, description="share of the steps")
    decay: float = Field(0.4, ge=0, le=1, description="share of the steps, at the end, on a cosine")
    clip: float = Field(1.0, ge=0, description="largest norm of a gradient; 0 does not clip")
    ema: float = Field(0.999, ge=0, lt=1, description="of the weights that are saved; 0: the last")
    precision: Literal["float32", "mixed_bfloat16"] = "mixed_bfloat16"


class Card(Section):
    """The statements of the model card that are not counted or measured."""

    title: str = ""
    description: str = ""
    historical: bool = Field(False, description="kept to be compared with: listed last")
    modality: str | None = Field(
        None,
        pattern=f"^{MODALITY}$",
        description="whose scans it is the default for, in DICOM's codes, such as MR",
    )
    history: tuple[str, ...] = Field((), description="how many patches on what, stage by stage")
    licence: str = "Apache-2.0"
    halo: NonNegativeInt | None = Field(
        None, description="context a tile needs, in pixels; the receptive radius by default"
    )


class Distillation(Section):
    """Networks to learn from besides the clean patches: larger ones, or the initial network."""

    teachers: tuple[Path, ...] = Field(min_length=1, description=".keras files, packages or runs")
    share: float = Field(0.5, gt=0, le=1, description="of the loss: the distance from its results")


class Experiment(Section):
    """A network, its training data and schedule, and its evaluation."""

    name: str = Field(pattern=NAME)
    seed: NonNegativeInt = 0
    architecture: str = "unet"
    options: dict[str, Any] = Field(default_factory=dict)
    start: Path | None = Field(None, description="network that a new run takes its weights from")
    loss: LossName = "mean_absolute_error"
    data: Data = Data()
    noise: Noise = Noise()
    distillation: Distillation | None = None
    schedule: Schedule = Schedule()
    trials: tuple[Trial, ...] = ()
    card: Card = Card()

    @model_validator(mode="before")
    @classmethod
    def _noise_of_pairs(cls, values: Any) -> Any:
        """Add the family `shot` for folders of pairs; it is the only default if all are pairs."""
        folders = values.get("data", {}).get("folders", []) if isinstance(values, dict) else []
        paired = [bool(f.get("noisy")) for f in folders if isinstance(f, dict)]
        if not any(paired):
            return values
        given = values.get("noise") or ({} if all(paired) else {"white": {}, "camera": {}})
        return values | {"noise": {"shot": {}} | given}

    def with_steps(self, steps: int) -> Self:
        """Return the experiment with another number of steps; raise TrainingError if it is
        invalid.
        """
        schedule = checked(Schedule, self.schedule.model_dump() | {"steps": steps}, "--steps")
        return self.model_copy(update={"schedule": schedule})


def read_experiment(path: Path) -> Experiment:
    """Return the experiment in a TOML file; raise TrainingError if it is invalid."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # not TOML, or not even UTF-8
        raise TrainingError(f"{path}: {error}") from error
    return checked(Experiment, values, str(path))
