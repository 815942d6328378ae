"""Jobs that the service runs in the background: a class that waits, and one for asyncio."""

from collections.abc import AsyncIterator, Iterator

import httpx

from denoiser_client.calls import Status, result_of, status_of
from denoiser_client.pictures import Picture, Result
from denoiser_client.problem import problem_of, strange

_EVENTS = {"Accept": "text/event-stream"}
_DATA = "data: "


class Job:
    """An image that is being denoised, as `Client.job` returns it.

        job = client.job("scan.tif")
        for status in job.follow():
            print(status.percent, status.seconds_left)
        job.result().save("clean.tif")

    Methods raise Problem, with the code `unknown-job` once the service has forgotten the job.
    """

    def __init__(self, http: httpx.Client, path: str, picture: Picture) -> None:
        """Take the `path` that the service returned, and the `picture` that was sent."""
        self.path = path
        self._http, self._picture = http, picture

    def status(self) -> Status:
        """Return the progress."""
        response = _good(self._http.get(self.path))
        return status_of(response, response.text)

    def follow(self) -> Iterator[Status]:
        """Yield the progress each time it changes, until the job has ended."""
        while True:
            with self._http.stream("GET", self.path, headers=_EVENTS) as response:
                if response.is_error:
                    response.read()
                _good(response)
                told = False
                for line in response.iter_lines():
                    if line.startswith(_DATA):
                        status, told = status_of(response, line.removeprefix(_DATA)), True
                        yield status
                        if status.ended:
                            return
            if not told:  # to avoid an endless loop, unless the job has just been cancelled
                self.status()
                raise strange(response)

    def result(self) -> Result:
        """Wait for the result and return it; raise its Problem if the job failed."""
        for _ in self.follow():
            pass
        return result_of(_good(self._http.get(f"{self.path}/result")), self._picture)

    def cancel(self) -> None:
        """Cancel the remaining work, and delete any result."""
        _good(self._http.delete(self.path))


class AsyncJob:
    """The same for asyncio, as `AsyncClient.job` returns it; `follow` is an async iterator."""

    def __init__(self, http: httpx.AsyncClient, path: str, picture: Picture) -> None:
        """Take the same as `Job`."""
        self.path = path
        self._http, self._picture = http, picture

    async def status(self) -> Status:
        """Return the progress."""
        response = _good(await self._http.get(self.path))
        return status_of(response, response.text)

    async def follow(self) -> AsyncIterator[Status]:
        """Yield the progress each time it changes, until the job has ended."""
        while True:
            async with self._http.stream("GET", self.path, headers=_EVENTS) as response:
                if response.is_error:
                    await response.aread()
                _good(response)
                told = False
                async for line in response.aiter_lines():
                    if line.startswith(_DATA):
                        status, told = status_of(response, line.removeprefix(_DATA)), True
                        yield status
                        if status.ended:
                            return
            if not told:
                await self.status()
                raise strange(response)

    async def result(self) -> Result:
        """Wait for the result and return it; raise its Problem if the job failed."""
        async for _ in self.follow():
            pass
        return result_of(_good(await self._http.get(f"{self.path}/result")), self._picture)

    async def cancel(self) -> None:
        """Cancel the remaining work, and delete any result."""
        _good(await self._http.delete(self.path))


def _good(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise problem_of(response)
    return response
