"""Clients of the service: a synchronous one, and one for asyncio.

Both send the same requests, and repeat them if the service is busy.
"""

import asyncio
import time
from typing import Any, Self, TypedDict, Unpack

import httpx

from denoiser_client.calls import (
    Call,
    Comparison,
    compare_call,
    comparison_of,
    models_of,
    path_of,
    picture_call,
    result_of,
)
from denoiser_client.jobs import AsyncJob, Job
from denoiser_client.options import DenoiseOptions, NoiseOptions
from denoiser_client.pictures import Picture, Result
from denoiser_client.problem import problem_of

URL = "http://localhost:8000"
TIMEOUT = 150.0
"""Seconds to wait for a response, longer than the service takes with its default settings."""
ATTEMPTS = 5
LONGEST_WAIT = 60.0


class Settings(TypedDict, total=False):
    """How a client reaches the service, apart from its URL."""

    key: str | None
    """The API key, if the service requires one."""
    timeout: float
    """Seconds to wait for each response, by default TIMEOUT; the service must not take longer."""
    attempts: int
    """The most times that a request is sent while the service is busy, by default ATTEMPTS."""
    longest_wait: float
    """Seconds, by default LONGEST_WAIT; if the service asks for a longer wait, it is not
    retried.
    """


class _Base:
    """The settings that both clients share."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        if attempts < 1:
            raise ValueError("attempts must be at least 1")
        self._attempts, self._longest_wait = attempts, longest_wait
        self._options: dict[str, Any] = {
            "base_url": url,
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
            "timeout": timeout,
        }

    def _pause(self, response: httpx.Response, attempt: int) -> float | None:
        """Return the seconds to wait before repeating the request; None after a success.

        Raises Problem for an error that is not to be retried.
        """
        if response.is_success:
            return None
        problem = problem_of(response)
        wait = problem.retry_after
        if wait is None or wait > self._longest_wait or attempt >= self._attempts:
            raise problem
        return wait


class Client(_Base):
    """A client that waits for each response; thread-safe.

        with Client("http://localhost:8000", key="denoiser_...") as client:
            clean = client.denoise("photo.jpg", strength=0.8)
            clean.save("clean.jpg")

    Raises Problem if the service refuses, and httpx.TransportError if it cannot be reached.
    """

    def __init__(self, url: str = URL, **settings: Unpack[Settings]) -> None:
        """Take the `url` of the service, which may have a path, and Settings."""
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
        return result_of(self._send(picture_call("/denoise", picture, options)), picture)

    def job(self, picture: Picture, **options: Unpack[DenoiseOptions]) -> Job:
        """Send the image to be denoised in the background, however long that takes."""
        started = self._send(picture_call("/jobs", picture, options))
        return Job(self._http, path_of(started), picture)

    def noise(self, picture: Picture, **options: Unpack[NoiseOptions]) -> Result:
        """Return the image with noise added."""
        return result_of(self._send(picture_call("/noise", picture, options)), picture)

    def compare(self, reference: Picture, picture: Picture) -> Comparison:
        """Measure how far the image is from the reference, which has the same size."""
        return comparison_of(self._send(compare_call(reference, picture)))

    def models(self) -> list[dict[str, Any]]:
        """Return the cards of the service's models."""
        return models_of(self._send(Call("GET", "/models")))

    def _send(self, call: Call) -> httpx.Response:
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


class AsyncClient(_Base):
    """A client for asyncio, with the methods of `Client` as coroutines.

        async with AsyncClient() as client:
            clean = await client.denoise("photo.jpg")

    Raises as `Client` does.
    """

    def __init__(self, url: str = URL, **settings: Unpack[Settings]) -> None:
        """Take the `url` of the service, which may have a path, and Settings."""
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
        call = await asyncio.to_thread(picture_call, "/denoise", picture, options)
        return result_of(await self._send(call), picture)

    async def job(self, picture: Picture, **options: Unpack[DenoiseOptions]) -> AsyncJob:
        """Send the image to be denoised in the background, however long that takes."""
        call = await asyncio.to_thread(picture_call, "/jobs", picture, options)
        started = await self._send(call)
        return AsyncJob(self._http, path_of(started), picture)

    async def noise(self, picture: Picture, **options: Unpack[NoiseOptions]) -> Result:
        """Return the image with noise added."""
        call = await asyncio.to_thread(picture_call, "/noise", picture, options)
        return result_of(await self._send(call), picture)

    async def compare(self, reference: Picture, picture: Picture) -> Comparison:
        """Measure how far the image is from the reference, which has the same size."""
        call = await asyncio.to_thread(compare_call, reference, picture)
        return comparison_of(await self._send(call))

    async def models(self) -> list[dict[str, Any]]:
        """Return the cards of the service's models."""
        return models_of(await self._send(Call("GET", "/models")))

    async def _send(self, call: Call) -> httpx.Response:
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
