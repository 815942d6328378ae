"""One run, described by one TOML file: every value that shapes the result is here."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Folder(_Section):
    """A folder of images below the data directory, and how its patches are drawn."""

    path: str = "."
    weight: float = Field(1.0, gt=0, description="share of the patches, relative to the others")
    side: PositiveInt | None = Field(None, description="shrink so that the shorter side is this")
    scales: tuple[float, ...] = Field((1.0,), description="keep a copy at each of these scales")
    test_share: float = Field(0.0, ge=0, lt=1, description="groups of near-duplicates held out")


class Data(_Section):
    folders: tuple[Folder, ...] = (Folder(),)
    patch: PositiveInt = 128
    grey_share: float = Field(0.1, ge=0, le=1, description="colour patches turned grey")


class Noise(_Section):
    low: tuple[float, float] = (0.0, 55.0)
    high: tuple[float, float] = (55.0, 115.0)
    high_share: float = Field(0.25, ge=0, le=1)
    clipped: float = Field(0.7, ge=0, le=1)
    shared: float = Field(0.05, ge=0, le=1)


class Schedule(_Section):
    batch: PositiveInt = 16
    steps: PositiveInt = 20_000
    steps_per_epoch: PositiveInt = 500
    learning_rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.01, ge=0, le=1, description="share of the steps")
    decay: float = Field(0.4, ge=0, le=1, description="share of the steps, at the end, on a cosine")
    ema: float = Field(0.999, ge=0, lt=1)
    precision: str = "mixed_bfloat16"


class Experiment(_Section):
    name: str
    seed: int = 0
    architecture: str = "unet"
    options: dict[str, Any] = {}
    loss: str = "mean_absolute_error"
    data: Data = Data()
    noise: Noise = Noise()
    schedule: Schedule = Schedule()


def read_experiment(path: Path) -> Experiment:
    """The experiment in a TOML file; raises `pydantic.ValidationError` where a value is off."""
    return Experiment.model_validate(tomllib.loads(path.read_text()))
