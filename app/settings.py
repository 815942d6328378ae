"""Every setting of the service: a field is DENOISER_<NAME> in the environment and a flag of
`denoiser serve`.
"""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent

PREFIX = "DENOISER_"

T = TypeVar("T")


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


Listed = Annotated[tuple[T, ...], NoDecode, BeforeValidator(_split)]
"""Values separated by commas."""
Sha256 = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9a-fA-F]{64}$")]
Origin = Annotated[str, StringConstraints(to_lower=True, pattern=r"^(\*|https?://[^/\s]+)$")]


class Settings(BaseSettings):
    """Settings from the environment; raises pydantic.ValidationError if a value is out of range."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000, ge=0, le=65_535, description="TCP port to listen on; 0 takes any free one."
    )
    models_dir: Path = Field(
        default=PROJECT / "models",
        description="Folder of the model packages, NAME/model.keras and NAME/card.json.",
    )
    model: str = Field(
        default="unet",
        description="Default model; for scans, one whose card names their modality is preferred.",
    )

    engine: Literal["auto", "tensorflow", "openvino", "jax"] = Field(
        default="auto",
        description="Engine that runs the networks; auto is the installed one, or of several the "
        "fastest in a trial at the start, which takes as long as TensorFlow takes to load. JAX "
        "takes part only if it has a plugin for an accelerator.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Arithmetic of the convolutions; auto is bfloat16 if the processor supports "
        "it, and on accelerators with JAX.",
    )
    workers: PositiveInt = Field(
        default=1,
        description="Processes that serve side by side, each with its own models, queue and "
        "limits, and its own GPU where there are several.",
    )
    threads: int = Field(
        default=0,
        ge=0,
        description="Threads of one forward pass; 0 takes all cores, divided among the workers.",
    )
    codec_processes: PositiveInt = Field(
        default=4,
        description="Processes that decode, encode and measure images, each one at a time, plus "
        "one for a client that has none of them.",
    )

    max_body_bytes: PositiveInt = Field(
        default=128 << 20, description="Largest request body, counted as it arrives."
    )
    max_head_bytes: PositiveInt = Field(
        default=32 << 10, description="Most bytes of the request line and headers, else 431."
    )
    max_requests: PositiveInt = Field(
        default=256, description="Requests with images at the same time; beyond it, 503."
    )
    max_requests_per_address: PositiveInt = Field(
        default=128,
        description="Requests of one address at the same time, except health checks and pages; "
        "beyond it, 429. Behind a proxy, set trusted_proxies.",
    )
    max_pixels: PositiveInt = Field(
        default=64_000_000, description="Largest image in pixels, width times height."
    )
    max_side: PositiveInt = Field(
        default=65_500, description="Longest side of an image, in pixels."
    )
    memory_bytes: PositiveInt = Field(
        default=2 << 30,
        description="Memory for all requests together: bodies, pixels, metadata; beyond it, 503, "
        "and beyond three quarters for many of one client.",
    )
    queue_pixels: PositiveInt = Field(
        default=1 << 31,
        description="Pixels of one client that may wait for one model, including halos; beyond it, "
        "503.",
    )
    queue_seconds: PositiveFloat = Field(
        default=60,
        description="Longest time that a new request may spend in a model's queue and network, "
        "else 503.",
    )
    max_jobs: PositiveInt = Field(
        default=32,
        description="Jobs that are kept, whether waiting or done, at most three quarters of them "
        "of one client; beyond it, 503.",
    )
    job_seconds: PositiveFloat = Field(
        default=600, description="Time for which the result of a job is kept."
    )
    head_seconds: PositiveFloat = Field(
        default=20, description="Time in which the request line and headers must arrive, else 408."
    )
    body_seconds: PositiveFloat = Field(
        default=60, description="Time in which the request body must arrive, else 408."
    )
    answer_seconds: PositiveFloat = Field(
        default=60, description="Time in which a client must read its response, else it is cut off."
    )
    timeout_seconds: PositiveFloat = Field(
        default=120, description="Time from the complete body to the response, else 503."
    )
    drain_seconds: PositiveFloat = Field(
        default=25, description="Time that requests in progress have to finish after SIGTERM."
    )

    api_keys: Listed[Sha256] = Field(
        default=(),
        description="SHA-256 of each accepted key, as `denoiser key` prints it, separated by "
        "commas; without any, everybody who reaches the service may use it.",
    )
    rate_per_minute: int = Field(
        default=0,
        ge=0,
        description="Requests per minute of one key, or else of one address; beyond it, 429. "
        "0 means no limit.",
    )
    trusted_proxies: Listed[IPvAnyNetwork] = Field(
        default=(),
        description="Addresses or networks of the proxies whose X-Forwarded-For and "
        "X-Forwarded-Proto are trusted, separated by commas.",
    )
    cors_origins: Listed[Origin] = Field(
        default=(),
        description="Origins whose pages may call the service from a browser, separated by commas, "
        "such as `https://example.org`; `*` means all.",
    )
    docs: bool = Field(
        default=True, description="Whether to serve /docs, /redoc and /openapi.json, to everybody."
    )
    metrics: bool = Field(
        default=True,
        description="Whether to serve /metrics on the main port, where API keys protect it.",
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Port that serves only /metrics, without a key; 0 means none.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="JSON lines or text; auto is text on a terminal."
    )

    @model_validator(mode="before")
    @classmethod
    def _know_every_variable(cls, values: Any) -> Any:
        """Refuse unknown variables: a misspelt limit or key would go unnoticed."""
        for variable in sorted(os.environ):
            name = variable.upper().removeprefix(PREFIX).lower()
            if variable.upper().startswith(PREFIX) and name not in cls.model_fields:
                near = get_close_matches(name, cls.model_fields, n=1)
                hint = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
                raise PydanticCustomError(
                    "unknown_variable",
                    "{problem}",
                    {"problem": f"{variable} is not a setting{hint}"},
                )
        return values
