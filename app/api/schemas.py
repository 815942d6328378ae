"""What the endpoints answer, apart from pictures."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.inference.card import ModelCard


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
    """The models that the service has."""

    default: str = Field(description="The model of a request that names none.", examples=["unet"])
    engine: Literal["tensorflow", "openvino"] | None = Field(
        description="What runs the default model; null until that is loaded."
    )
    models: list[ModelCard]
