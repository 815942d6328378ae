"""Build requests to the service, and parse its responses, without sending anything."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import numpy as np

from denoiser_client.pictures import Picture, Result, is_float, read
from denoiser_client.problem import strange, understanding

_IMAGES = ("image/", "application/dicom", "application/gzip", "application/zip")


@dataclass(frozen=True)
class Comparison:
    """The difference of an image from its reference."""

    rmse: float
    """Root-mean-square error on the 0..1 scale."""
    psnr: float | None
    """Peak signal-to-noise ratio in dB; None (infinite) for equal images."""
    ssim: float


@dataclass(frozen=True)
class Call:
    """A request that can be sent repeatedly."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] | None = None


@dataclass(frozen=True)
class Status:
    """The progress of a job."""

    state: Literal["waiting", "running", "done", "failed"]
    percent: int
    seconds_left: float | None = None
    """Estimate of the service until it is done; None once it has ended."""

    @property
    def ended(self) -> bool:
        """Whether there is a result, or else a Problem."""
        return self.state in ("done", "failed")


def picture_call(path: str, picture: Picture, options: Mapping[str, Any]) -> Call:
    """Return the request that sends an image; the result for an array is a PNG."""
    own = {"format": "png"} if isinstance(picture, np.ndarray) else {}
    given = {name: value for name, value in options.items() if value is not None}
    return Call("POST", path, own | given, {"image": read(picture)})


def compare_call(reference: Picture, picture: Picture) -> Call:
    """Return the request that compares two images."""
    files = {"reference": read(reference), "image": read(picture)}
    return Call("POST", "/compare", files=files)


def result_of(response: httpx.Response, picture: Picture) -> Result:
    """Return the image of a response to `picture`."""
    headers = response.headers
    sigma, seed = headers.get("x-noise-sigma"), headers.get("x-noise-seed")
    if not headers.get("content-type", "").startswith(_IMAGES):
        raise strange(response)
    with understanding(response):
        return Result(
            response.content,
            headers["content-type"],
            model=headers.get("x-model"),
            sigma=None if sigma is None else float(sigma),
            seed=None if seed is None else int(seed),
            changes=tuple(filter(None, headers.get("x-image-changes", "").split(", "))),
            is_float=is_float(picture),
        )


def comparison_of(response: httpx.Response) -> Comparison:
    """Return the measures of a response."""
    with understanding(response):
        return Comparison(**response.json())


def models_of(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the model cards of a response."""
    with understanding(response):
        models: list[dict[str, Any]] = response.json()["models"]
    return models


def path_of(response: httpx.Response) -> str:
    """Return the path of the job that was started."""
    with understanding(response):
        return response.headers["location"]


def status_of(response: httpx.Response, described: str) -> Status:
    """Return the status that a response describes in JSON."""
    with understanding(response):
        found = json.loads(described)
        return Status(found["state"], found["percent"], found.get("seconds_left"))
