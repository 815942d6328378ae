"""Forward requests for jobs to the worker that has the job.

The id of a job begins with the number of its worker. Each worker listens on a Unix socket in a
folder that only the service may enter, and serves there just as on the common port.
"""

import asyncio
import re
import socket
from collections.abc import Collection, Iterable
from contextlib import aclosing
from pathlib import Path

import httpx
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.handlers import problem_response
from app.api.trace import trace_for
from app.service.errors import UnknownJob
from app.settings import Settings

Field = tuple[bytes, bytes]

JOB = re.compile(r"/jobs/(\d{1,4})-[^/]+(/result)?")
CLIENT = b"x-denoiser-client"
"""The header in which one worker tells another the caller's address."""
HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"te", b"trailer", b"upgrade"}


def listener_of(folder: Path, number: int) -> socket.socket:
    """Return the socket of a worker, replacing one left by an earlier worker of that number."""
    path = _path(folder, number)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    return listener


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number}.sock"


class Siblings:
    """ASGI middleware around one of several workers: forward requests for jobs of another.

    The other worker checks keys and limits as for its own requests.
    """

    def __init__(self, app: ASGIApp, folder: Path, number: int, settings: Settings) -> None:
        """`folder` has the workers' sockets; this worker is the one of that `number`."""
        self.app = app
        self._folder, self._number = folder, number
        self._patience, self._kept = 2 * settings.answer_seconds, settings.job_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or to the worker that has the job."""
        found = JOB.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if _came_by(scope) == str(_path(self._folder, self._number)):
            await self.app(_as_it_came(scope), receive, send)
        elif found is None or int(found[1]) == self._number:
            await self.app(scope, receive, send)
        else:
            await self._hand_on(int(found[1]), scope, receive, send)

    async def _hand_on(self, number: int, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(_path(self._folder, number))
        # without TLS: to read the certificates would block the event loop for a tenth of a second
        transport = httpx.AsyncHTTPTransport(uds=path, verify=False)
        async with httpx.AsyncClient(transport=transport, timeout=self._patience) as client:
            answering = asyncio.create_task(_answer(client, scope, send))
            both = answering, asyncio.create_task(_departure(receive))
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in both:
                    each.cancel()
                await asyncio.wait(both)
            if answering.cancelled():
                return
            try:
                answering.result()
            except _Gone:  # and its jobs with it
                scope.setdefault("state", {})["trace"] = trace_for(None)
                refusal = problem_response(Request(scope), UnknownJob(self._kept))
                await refusal(scope, receive, send)


class _Gone(Exception):
    """The other worker has ended, before or while it was asked."""


def _came_by(scope: Scope) -> str:
    """Return the address on which a request arrived; for a Unix socket, its path."""
    server = scope.get("server")
    return str(server[0]) if server else ""


def _as_it_came(scope: Scope) -> Scope:
    """Return a forwarded request as the other worker received it."""
    headers = [(name, value) for name, value in scope["headers"] if name != CLIENT]
    address = Headers(scope=scope).get(CLIENT.decode())
    return {**scope, "headers": headers, "client": (address, 0) if address else None}


async def _answer(client: httpx.AsyncClient, scope: Scope, send: Send) -> None:
    query: bytes = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")  # escaped as it came
    url = f"http://worker{target.decode('ascii')}"
    address = str(scope["client"][0]) if scope.get("client") else ""
    headers = [*_passed(scope["headers"], (CLIENT, b"content-length")), (CLIENT, address.encode())]
    request = client.build_request(scope["method"], url, headers=headers)
    try:
        response = await client.send(request, stream=True)
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise _Gone from error
    async with aclosing(response):
        passed = _passed(response.headers.raw)
        start = {"status": response.status_code, "headers": passed}
        await send({"type": "http.response.start", **start})
        async for piece in response.aiter_raw():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _passed(headers: Iterable[Field], without: Collection[bytes] = ()) -> list[Field]:
    """Return the end-to-end headers (RFC 9110, 7.6.1), with names in lower case."""
    named = [(name.lower(), value) for name, value in headers]
    return [(name, value) for name, value in named if name not in {*HOP_BY_HOP, *without}]


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
