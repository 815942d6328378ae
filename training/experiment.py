"""A run described by one TOML file, with every value that determines the result."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt, ValidationError, model_validator

from app.imaging.noise import NoiseKind
from app.imaging.orientation import EnsembleChoice
from app.imaging.picture import MODALITY
from app.inference.card import NAME
from training.errors import TrainingError
from training.graphics import MEASURED, Subject
from training.noise.settings import Noise
from training.section import Section
from training.texture import Part

LossName = Literal["mean_absolute_error", "mean_squared_error", "negative_psnr"]
Split = Literal["groups", "files"]
Sigma = Annotated[float, Field(ge=0, le=255)]
S = TypeVar("S", bound=BaseModel)


class Folder(Section):
    """A folder of images below the data directory, and how its patches are drawn."""

    path: str = "."
    drawn: PositiveInt | None = Field(
        None, description="no folder: so many graphics without noise, which need no files"
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
        """Its name on the model card."""
        if self.name or self.drawn:
            return self.name or "drawn graphics"
        return "own images" if self.path == "." else self.path

    def weight_for(self, family: str) -> float:
        """Return the weight among patches of a family of noise; only pairs have a shot's own."""
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
    learning_rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.01, ge=0, le=1, description="share of the steps")
    decay: float = Field(0.4, ge=0, le=1, description="share of the steps, at the end, on a cosine")
    clip: float = Field(1.0, ge=0, description="largest norm of a gradient; 0 does not clip")
    ema: float = Field(0.999, ge=0, lt=1, description="of the weights that are saved; 0: the last")
    precision: Literal["float32", "mixed_bfloat16"] = "mixed_bfloat16"


class Trial(Section):
    """A set of images, noise to add to them, and how: what a model is evaluated on.

    The images are those of a folder, graphics that are drawn, or pairs of files, which bring their
    own noise.
    """

    dataset: str = Field(description="its name in tables")
    path: str = "."
    only: tuple[str, ...] = Field((), description="names of the files to take; all by default")
    noisy: str | None = Field(None, description="of pairs: folder or pattern, below `path` ...")
    clean: str | None = Field(None, description="... and that of their clean partners")
    drawn: PositiveInt | None = Field(None, description="so many drawn graphics, and no files")
    subjects: tuple[Subject, ...] = Field(MEASURED, min_length=1, description="of what is drawn")
    sigmas: tuple[Sigma, ...] = Field((25.0,), min_length=1, description="0..255 scale")
    protocol: Literal["published", "service"] = Field(
        "service",
        description="published: the noisy values as they are; "
        "service: clipped to [0, 1] and rounded to 8 bits, as images arrive",
    )
    kind: NoiseKind = NoiseKind.GAUSSIAN
    part: Part | None = Field(None, description="noise in luma alone, or in chroma alone")
    blur: float = Field(0.0, ge=0, le=16, description="of the noise, in pixels; its sigma is kept")
    enlarged: int = Field(
        1, ge=1, le=8, description="noise drawn this much smaller, then enlarged (bicubic)"
    )
    jpeg: int | None = Field(None, ge=1, le=100, description="quality of a JPEG, after the noise")
    shared: bool = Field(False, description="one noise plane for all channels")
    fresh: bool = Field(False, description="other noise for every image, not seed 0 for each")
    grey: bool = Field(False, description="images turned grey")
    square: PositiveInt | None = Field(None, description="squeeze to this many pixels a side")
    split: Split = Field("groups", description="near-duplicates on one side, or file by file")
    test_share: float = Field(0.0, ge=0, lt=1, description="measure on the held-out part; 0: all")
    ensemble: EnsembleChoice = Field(
        1, description="the mean of what is made of an image in so many orientations"
    )
    limit: PositiveInt | None = Field(None, description="the first so many images only")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.noisy is None) != (self.clean is None):
            raise ValueError("pairs need both noisy and clean")
        unused = self._changed(
            *(_MADE if self.noisy else ()),
            *(_FOLDERS if self.noisy or self.drawn else ()),
            *(() if self.drawn else ("subjects",)),
            *(() if self.kind is NoiseKind.GAUSSIAN else ("part", "blur", "enlarged")),
        )
        if unused:
            source = "pairs" if self.noisy else "drawn" if self.drawn else f"{self.kind.value}"
            raise ValueError(f"{', '.join(unused)}: of no use with {source}")
        if self.protocol == "published" and self._changed("jpeg"):
            raise ValueError("jpeg needs the service protocol: it holds 8 bits")
        if self.part == "chroma" and (self.grey or self.shared):
            raise ValueError("noise in chroma alone needs colour, and a plane for each channel")
        return self

    def _changed(self, *names: str) -> list[str]:
        """Return which of these fields are not what they are by default."""
        return [n for n in names if getattr(self, n) != type(self).model_fields[n].default]

    @property
    def levels(self) -> tuple[float, ...]:
        """The sigmas to evaluate at; a single 0 for pairs, to which nothing is added."""
        return (0.0,) if self.noisy else self.sigmas

    def __str__(self) -> str:
        """Return the protocol, as a table names it: all that is not the data set and the sigma."""
        return ", ".join(
            [
                *(["pairs of noisy and clean shots"] if self.noisy else self._noise_in_words()),
                *(["grey"] if self.grey else []),
                *([f"{self.square}x{self.square}"] if self.square else []),
                *([f"{self.test_share:.0%} held out, by {self.split}"] if self.test_share else []),
                *([" and ".join(self.subjects)] if self._changed("subjects") else []),
                *([f"mean of {self.ensemble} orientations"] if self.ensemble > 1 else []),
                *([f"first {self.limit} images"] if self.limit else []),
            ]
        )

    def _noise_in_words(self) -> list[str]:
        words = {"published": "noise not clipped", "service": "clipped and rounded to 8 bits"}
        texture = [
            *([f"in {self.part} alone"] if self.part else []),
            *([f"blurred by {self.blur:g} px"] if self.blur else []),
            *([f"enlarged {self.enlarged} times"] if self.enlarged > 1 else []),
        ]
        made = [
            *([self.kind.value] if self.kind is not NoiseKind.GAUSSIAN else []),
            *([f"noise {', '.join(texture)}"] if texture else []),
            words[self.protocol],
        ]
        return [
            *(made if any(self.sigmas) else ["clean"]),
            *([f"then JPEG {self.jpeg} (4:2:0)"] if self.jpeg else []),
            *(["one noise plane for all channels"] if self.shared else []),
            *(["fresh noise for every image"] if self.fresh else []),
        ]


_MADE = (
    *("drawn", "sigmas", "protocol", "kind", "part", "blur", "enlarged", "jpeg"),
    *("shared", "fresh"),
)
"""Fields of a trial that define how noise is generated."""

_FOLDERS = ("only", "test_share", "split")
"""Fields of a trial that choose files of one folder."""


class Card(Section):
    """What the model card states beside what is counted and measured."""

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
    """Networks that are learnt from, beside the clean patches: larger ones, or the start itself."""

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
        """Folders of pairs bring noise of their own, and need no other where all are such."""
        folders = values.get("data", {}).get("folders", []) if isinstance(values, dict) else []
        paired = [bool(f.get("noisy")) for f in folders if isinstance(f, dict)]
        if not any(paired):
            return values
        given = values.get("noise") or ({} if all(paired) else {"white": {}, "camera": {}})
        return values | {"noise": {"shot": {}} | given}

    def with_steps(self, steps: int) -> Self:
        """Return the same experiment over another number of steps; raise TrainingError for none."""
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


def checked(kind: type[S], values: Mapping[str, Any], where: str) -> S:
    """`values` as a section of an experiment; raises TrainingError that says what is off."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise TrainingError(f"{where}: {'; '.join(problems)}") from error
