"""The JSON responses of the endpoints."""

from pydantic import BaseModel, ConfigDict, Field

from app.api.problems import Problem
from app.inference.card import ModelCard
from app.inference.engines import EngineName
from app.service.jobs import State


class Comparison(BaseModel):
    """How far `image` is from `reference`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"rmse": 0.0316, "psnr": 30.0, "ssim": 0.91}]}
    )

    rmse: float = Field(ge=0, le=1, description="Root mean squared error on the 0..1 scale.")
    psnr: float | None = Field(
        description="Peak signal-to-noise ratio in dB; null (infinite) where the two are equal."
    )
    ssim: float = Field(ge=-1, le=1, description="Mean structural similarity.")


class Health(BaseModel):
    """The state of the process."""

    status: str = Field(examples=["ready"])


class ModelList(BaseModel):
    """The models of the service."""

    default: str = Field(
        description="The model of a request that names none, except for scans of a `modality` that "
        "another card names.",
        examples=["unet"],
    )
    engine: EngineName | None = Field(
        description="What runs the default model; null until that is loaded."
    )
    models: list[ModelCard]


class JobStatus(BaseModel):
    """The progress of a job."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0-mtwG5iRsXcYlBc0JdMfWvA",
                    "state": "running",
                    "percent": 40,
                    "seconds_left": 12.4,
                }
            ]
        }
    )

    id: str = Field(description="The last part of the job's address; whoever knows it may use it.")
    state: State
    percent: int = Field(ge=0, le=100, description="Tiles done, of those that are planned.")
    seconds_left: float | None = Field(
        default=None,
        ge=0,
        description="Until it is done, estimated from the recent cost of a pixel. Absent once it "
        "has ended.",
    )
    stages: dict[str, float] | None = Field(
        default=None, description="Seconds in decode, queue, infer and encode, once it is done."
    )
    problem: Problem | None = Field(default=None, description="Why it failed, if it did.")
