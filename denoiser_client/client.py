"""Clients of the service: a synchronous one, and one for asyncio.

Both send the same requests, and repeat them when the service says that it is busy.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, Unpack

import httpx
import numpy as np

from denoiser_client.options import DenoiseOptions, NoiseOptions
from denoiser_client.pictures import Picture, Result, is_float, read
from denoiser_client.problem import problem_of

URL = "http://localhost:8000"
TIMEOUT = 150.0
"""Seconds to wait for a response: longer than the service takes with its default settings."""
ATTEMPTS = 5
LONGEST_WAIT = 60.0
"""Seconds; a service that asks for a longer wait is not retried."""


@dataclass(frozen=True)
class Comparison:
    """How far an image is from its reference."""

    rmse: float
    """Root-mean-square error on the 0..1 scale."""
    psnr: float | None
    """Peak signal-to-noise ratio in dB; None (infinite) for equal images."""
    ssim: float


@dataclass(frozen=True)
class _Call:
    """A request that can be sent repeatedly."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] | None = None


class _Settings:
    """The settings of both clients."""

    def __init__(
        self,
        url: str = URL,
        *,
        key: str | None = None,
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        """Take the `url` of the service and the API `key`, if it requires one.

        A request that the service is too busy for is repeated after the seconds in its Retry-After
        header, up to `attempts` times in all, if these are at most `longest_wait`. `timeout`, in
        seconds, applies to each response; it must be longer than the service may take.
        """
        if attempts < 1:
            raise ValueError("attempts must be at least 1")
        self._attempts, self._longest_wait = attempts, longest_wait
        self._options: dict[str, Any] = {
            "base_url": url,
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
            "timeout": timeout,
        }

    def _pause(self, response: httpx.Response, attempt: int) -> float | None:
        """Return the seconds until the request is to be repeated; None after a success.

        Raises Problem for a response that is an error and not to be retried.
        """
        if response.is_success:
            return None
        problem = problem_of(response)
        wait = problem.retry_after
        if wait is None or wait > self._longest_wait or attempt >= self._attempts:
            raise problem
        return wait


class Client(_Settings):
    """A client that waits for each answer; one may be used by many threads.

        with Client("http://localhost:8000", key="denoiser_...") as client:
            clean = client.denoise("photo.jpg", strength=0.8)
            clean.save("clean.jpg")

    Raises Problem where the service refuses, and httpx.TransportError where it cannot be reached.
    """

    def __init__(self, url: str = URL, **settings: Any) -> None:
        super().__init__(url, **settings)
        self._http = httpx.Client(**self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def denoise(self, picture: Picture, **options: Unpack[DenoiseOptions]) -> Result:
        """Return the image without its noise."""
        return _result(self._send(_picture_call("/denoise", picture, options)), picture)

    def noise(self, picture: Picture, **options: Unpack[NoiseOptions]) -> Result:
        """Return the image with noise added."""
        return _result(self._send(_picture_call("/noise", picture, options)), picture)

    def compare(self, reference: Picture, picture: Picture) -> Comparison:
        """Measure how far the image is from the reference, which has the same size."""
        return _comparison(self._send(_compare_call(reference, picture)))

    def models(self) -> list[dict[str, Any]]:
        """Return the cards of the service's models."""
        return _models(self._send(_Call("GET", "/models")))

    def _send(self, call: _Call) -> httpx.Response:
        attempt = 1
        while True:
            response = self._http.request(
                call.method, call.path, params=call.params, files=call.files
            )
            pause = self._pause(response, attempt)
            if pause is None:
                return response
            time.sleep(pause)
            attempt += 1


class AsyncClient(_Settings):
    """A client for asyncio, with the methods of `Client` as coroutines.

        async with AsyncClient() as client:
            clean = await client.denoise("photo.jpg")

    Raises as `Client` does.
    """

    def __init__(self, url: str = URL, **settings: Any) -> None:
        super().__init__(url, **settings)
        self._http = httpx.AsyncClient(**self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def denoise(self, picture: Picture, **options: Unpack[DenoiseOptions]) -> Result:
        """Return the image without its noise."""
        call = await asyncio.to_thread(_picture_call, "/denoise", picture, options)
        return _result(await self._send(call), picture)

    async def noise(self, picture: Picture, **options: Unpack[NoiseOptions]) -> Result:
        """Return the image with noise added."""
        call = await asyncio.to_thread(_picture_call, "/noise", picture, options)
        return _result(await self._send(call), picture)

    async def compare(self, reference: Picture, picture: Picture) -> Comparison:
        """Measure how far the image is from the reference, which has the same size."""
        call = await asyncio.to_thread(_compare_call, reference, picture)
        return _comparison(await self._send(call))

    async def models(self) -> list[dict[str, Any]]:
        """Return the cards of the service's models."""
        return _models(await self._send(_Call("GET", "/models")))

    async def _send(self, call: _Call) -> httpx.Response:
        attempt = 1
        while True:
            response = await self._http.request(
                call.method, call.path, params=call.params, files=call.files
            )
            pause = self._pause(response, attempt)
            if pause is None:
                return response
            await asyncio.sleep(pause)
            attempt += 1


def _picture_call(path: str, picture: Picture, options: Mapping[str, Any]) -> _Call:
    own = {"format": "png"} if isinstance(picture, np.ndarray) else {}
    return _Call("POST", path, own | dict(options), {"image": read(picture)})


def _compare_call(reference: Picture, picture: Picture) -> _Call:
    files = {"reference": read(reference), "image": read(picture)}
    return _Call("POST", "/compare", files=files)


def _result(response: httpx.Response, picture: Picture) -> Result:
    headers = response.headers
    sigma, seed = headers.get("x-noise-sigma"), headers.get("x-noise-seed")
    return Result(
        response.content,
        headers["content-type"],
        model=headers.get("x-model"),
        sigma=None if sigma is None else float(sigma),
        seed=None if seed is None else int(seed),
        changes=tuple(filter(None, headers.get("x-image-changes", "").split(", "))),
        is_float=is_float(picture),
    )


def _comparison(response: httpx.Response) -> Comparison:
    return Comparison(**response.json())


def _models(response: httpx.Response) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = response.json()["models"]
    return models
