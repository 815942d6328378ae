"""One run, described by one TOML file: every value that shapes the result is here."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from app.imaging.noise import NoiseKind
from training.errors import TrainingError

LossName = Literal["mean_absolute_error", "mean_squared_error", "negative_psnr"]
Split = Literal["groups", "files"]
Sigma = Annotated[float, Field(ge=0, le=255)]
S = TypeVar("S", bound=BaseModel)
NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Folder(_Section):
    """A folder of images below the data directory, and how its patches are drawn."""

    path: str = "."
    name: str = Field("", description="what the model card calls it; the path by default")
    terms: str = Field("not stated", description="under which the images may be used")
    only: tuple[str, ...] = Field((), description="names of the files to take; all by default")
    weight: float = Field(1.0, gt=0, description="share of the patches, relative to the others")
    side: PositiveInt | None = Field(None, description="shrink so that the shorter side is this")
    scales: tuple[float, ...] = Field((1.0,), description="keep a copy at each of these scales")
    split: Split = Field("groups", description="near-duplicates on one side, or file by file")
    test_share: float = Field(0.0, ge=0, lt=1, description="images held out")


class Data(_Section):
    """Where patches come from and what is done to them."""

    folders: tuple[Folder, ...] = Field((Folder(),), min_length=1)
    patch: PositiveInt = 128
    whole: bool = Field(
        False, description="squeeze every image to one patch; an epoch is every image once"
    )
    turn: bool = Field(True, description="rotate and mirror patches at random")
    grey_share: float = Field(0.1, ge=0, le=1, description="patches turned grey")
    validation: NonNegativeInt = Field(32, description="crops of held-out images, at most")


class Noise(_Section):
    """The noise that training draws; deviations are on the 0..255 scale."""

    low: tuple[float, float] = (0.0, 55.0)
    high: tuple[float, float] = (55.0, 115.0)
    high_share: float = Field(0.25, ge=0, le=1, description="patches with a sigma from `high`")
    clean_share: float = Field(0.0, ge=0, le=1, description="patches without any")
    clipped: float = Field(0.7, ge=0, le=1, description="share clipped and rounded to 8 bits")
    shared: float = Field(0.05, ge=0, le=1, description="colour patches with one noise plane")
    rician: float = Field(0.0, ge=0, le=1, description="share of grey patches with Rician noise")
    fixed: bool = Field(False, description="one plane, drawn once, for every patch: the article's")

    def __str__(self) -> str:
        ranges = ((self.low, 1 - self.high_share), (self.high, self.high_share))
        sigmas = " and ".join(
            f"{low:g}" if low == high else f"{low:g} to {high:g}"
            for (low, high), share in ranges
            if share
        )
        parts = [
            f"Gaussian, sigma {sigmas} on the 0..255 scale",
            *([f"{self.clean_share:.0%} without noise"] if self.clean_share else []),
            *([f"{self.clipped:.0%} clipped and rounded to 8 bits"] if self.clipped else []),
            *([f"{self.shared:.0%} the same in all channels"] if self.shared else []),
            *([f"{self.rician:.0%} of grey ones Rician"] if self.rician else []),
            *(["one pattern for all images"] if self.fixed else []),
        ]
        return ", ".join(parts)


class Schedule(_Section):
    """How long and how fast to learn."""

    batch: PositiveInt = 16
    steps: PositiveInt = 20_000
    steps_per_epoch: PositiveInt = Field(500, description="between checkpoints")
    learning_rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.01, ge=0, le=1, description="share of the steps")
    decay: float = Field(0.4, ge=0, le=1, description="share of the steps, at the end, on a cosine")
    clip: float = Field(1.0, ge=0, description="largest norm of a gradient; 0 does not clip")
    ema: float = Field(0.999, ge=0, lt=1, description="of the weights that are saved; 0: the last")
    precision: Literal["float32", "mixed_bfloat16"] = "mixed_bfloat16"


class Trial(_Section):
    """A set of images, noise to add to them, and how: what a model is measured by."""

    dataset: str = Field(description="its name in tables")
    path: str = "."
    only: tuple[str, ...] = Field((), description="names of the files to take; all by default")
    sigmas: tuple[Sigma, ...] = Field((25.0,), min_length=1, description="0..255 scale")
    protocol: Literal["published", "service"] = Field(
        "service",
        description="published: the noisy values as they are; "
        "service: clipped to [0, 1] and rounded to 8 bits, as pictures arrive",
    )
    kind: NoiseKind = NoiseKind.GAUSSIAN
    shared: bool = Field(False, description="one noise plane for all channels")
    fresh: bool = Field(False, description="other noise for every image, not seed 0 for each")
    grey: bool = Field(False, description="images turned grey")
    square: PositiveInt | None = Field(None, description="squeeze to this many pixels a side")
    split: Split = Field("groups", description="near-duplicates on one side, or file by file")
    test_share: float = Field(0.0, ge=0, lt=1, description="measure on the held-out part; 0: all")
    limit: PositiveInt | None = Field(None, description="the first so many images only")

    def __str__(self) -> str:
        """The protocol, as a table names it: all that is not the data set and the sigma."""
        words = {"published": "noise not clipped", "service": "clipped and rounded to 8 bits"}
        parts = [
            *([self.kind.value] if self.kind is not NoiseKind.GAUSSIAN else []),
            words[self.protocol],
            *(["one noise plane for all channels"] if self.shared else []),
            *(["fresh noise for every image"] if self.fresh else []),
            *(["grey"] if self.grey else []),
            *([f"{self.square}x{self.square}"] if self.square else []),
            *([f"{self.test_share:.0%} held out, by {self.split}"] if self.test_share else []),
            *([f"first {self.limit} images"] if self.limit else []),
        ]
        return ", ".join(parts)


class Card(_Section):
    """What the model card says beside what is counted and measured."""

    title: str = ""
    description: str = ""
    historical: bool = Field(False, description="kept to be compared with: listed last")
    licence: str = "Apache-2.0"
    halo: NonNegativeInt | None = Field(
        None, description="context a tile needs, in pixels; the receptive radius by default"
    )


class Experiment(_Section):
    """A network, what it learns from, for how long, and what it is then measured by."""

    name: str = Field(pattern=NAME)
    seed: NonNegativeInt = 0
    architecture: str = "unet"
    options: dict[str, Any] = {}
    start: Path | None = Field(None, description="network that a new run takes its weights from")
    loss: LossName = "mean_absolute_error"
    data: Data = Data()
    noise: Noise = Noise()
    schedule: Schedule = Schedule()
    trials: tuple[Trial, ...] = ()
    card: Card = Card()

    def with_steps(self, steps: int) -> Self:
        """The same experiment over another number of steps; raises TrainingError for none."""
        schedule = checked(Schedule, self.schedule.model_dump() | {"steps": steps}, "--steps")
        return self.model_copy(update={"schedule": schedule})


def read_experiment(path: Path) -> Experiment:
    """The experiment in a TOML file; raises TrainingError where it or a value in it is off."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # no TOML, or not even UTF-8
        raise TrainingError(f"{path}: {error}") from error
    return checked(Experiment, values, str(path))


def checked(kind: type[S], values: Mapping[str, Any], where: str) -> S:
    """`values` as a section of an experiment; raises TrainingError that says what is off."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise TrainingError(f"{where}: {'; '.join(problems)}") from error
